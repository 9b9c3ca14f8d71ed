import { type AwsPlatform, ask } from './platform.ts'

/** An access key without an end, in the form of `~/.aws/credentials`; undefined when ours comes with a session. */
export async function staticCredentials({
  clients,
}: AwsPlatform): Promise<Readonly<Record<string, string>> | undefined> {
  const sts = await clients.sts()
  const key = await ask('reading the access key', () => sts.config.credentials())
  if (key.sessionToken !== undefined) return undefined
  return {
    credentials: `[default]\naws_access_key_id = ${key.accessKeyId}\naws_secret_access_key = ${key.secretAccessKey}\n`,
  }
}
