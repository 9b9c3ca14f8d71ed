import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { CloudTarget } from '../target.ts'
import { credentialsError } from './errors.ts'

const keyFile = z.looseObject({ type: z.string() })
/** Both hold a secret without an end; any other kind (workload identity federation, a metadata server) holds none. */
const longLived: ReadonlySet<string> = new Set(['authorized_user', 'service_account'])

/** The application default credentials' file as the guide's `key.json`; undefined when there is none, or no key in it. */
export async function staticCredentials(
  target: CloudTarget,
): Promise<Readonly<Record<string, string>> | undefined> {
  const file = credentialsFile(target)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw credentialsError(`${file} cannot be read.`, error)
  }
  const parsed = keyFile.safeParse(parseJson(text))
  if (!parsed.success) throw credentialsError(`${file} is not a credentials file.`)
  return longLived.has(parsed.data.type) ? { 'key.json': text } : undefined
}

/** https://cloud.google.com/docs/authentication/application-default-credentials */
function credentialsFile(target: CloudTarget): string {
  const { GOOGLE_APPLICATION_CREDENTIALS: named = process.env['GOOGLE_APPLICATION_CREDENTIALS'] } =
    target.environment
  const folder = process.env['CLOUDSDK_CONFIG'] ?? join(homedir(), '.config', 'gcloud')
  return named ?? join(folder, 'application_default_credentials.json')
}
