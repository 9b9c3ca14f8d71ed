import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { gitHubToken, isGitHubJob } from '../github-identity.ts'
import type { CloudTarget } from '../target.ts'
import { credentialsError } from './errors.ts'

const scope = 'https://www.googleapis.com/auth/cloud-platform'
const renewBeforeMs = 2 * 60_000
/** Of tokens that are handed to tools, which cannot renew them: each gets one that is nearly new. */
const renewForToolsBeforeMs = 50 * 60_000

const authorizedUser = z.object({
  type: z.literal('authorized_user'),
  client_id: z.string(),
  client_secret: z.string(),
  refresh_token: z.string(),
  token_uri: z.url(),
})

interface AccessToken {
  readonly token: string
  /** ISO 8601 */
  readonly expiresAt: string
}

export interface GoogleCredentials {
  accessToken(signal: AbortSignal): Promise<AccessToken>
  /**
   * Google's libraries in other languages (terraform's are in Go) find the same credentials by themselves and renew
   * them. Not so where the credentials name their own token endpoint, which only some libraries follow.
   */
  readonly foundByTools: () => Promise<boolean>
}

/**
 * The target's credentials file where it names one, else application default credentials: the file of
 * `gcloud auth application-default login`, a service account, workload identity federation or the metadata server.
 */
export function openCredentials(target: CloudTarget): GoogleCredentials {
  const file = target.environment['GOOGLE_APPLICATION_CREDENTIALS']
  let opened: Promise<Opened> | undefined
  let current: AccessToken | undefined
  const open = () => {
    opened ??= openClient(file, target)
    return opened
  }
  return {
    foundByTools: async () => (await open()).foundByTools,
    async accessToken(signal) {
      signal.throwIfAborted()
      const { client, foundByTools } = await open()
      const leastMs = foundByTools ? renewBeforeMs : renewForToolsBeforeMs
      if (current !== undefined && Date.parse(current.expiresAt) - Date.now() > leastMs) return current
      const { token } = await client.getAccessToken().catch((cause: unknown) => {
        throw credentialsError(cause instanceof Error ? cause.message : String(cause), cause)
      })
      if (token === null || token === undefined)
        throw credentialsError('The credentials give no access token.')
      const expires = client.credentials.expiry_date ?? Date.now() + 5 * 60_000
      current = { token, expiresAt: new Date(expires).toISOString() }
      return current
    },
  }
}

interface Opened {
  readonly client: import('google-auth-library').AuthClient
  readonly foundByTools: boolean
}

async function openClient(file: string | undefined, target: CloudTarget): Promise<Opened> {
  if (file === undefined && isGitHubJob() && process.env['GOOGLE_WORKLOAD_IDENTITY_PROVIDER'])
    return { client: await jobClient(target), foundByTools: false }
  const { GoogleAuth, UserRefreshClient } = await import('./auth-library.ts')
  const own =
    file === undefined ? undefined : authorizedUser.safeParse(parseJson(await readCredentials(file)))
  if (own?.success === true) {
    const { client_id, client_secret, refresh_token, token_uri } = own.data
    const client = new UserRefreshClient({
      clientId: client_id,
      clientSecret: client_secret,
      refreshToken: refresh_token,
      endpoints: { oauth2TokenUrl: token_uri },
      eagerRefreshThresholdMillis: renewForToolsBeforeMs,
    })
    return { client, foundByTools: new URL(token_uri).hostname.endsWith('.googleapis.com') }
  }
  const auth = new GoogleAuth({ scopes: [scope], ...(file === undefined ? {} : { keyFilename: file }) })
  const client = await auth.getClient().catch((cause: unknown) => {
    throw credentialsError(cause instanceof Error ? cause.message : String(cause), cause)
  })
  return { client, foundByTools: true }
}

/** The service account that Google gives a job of GitHub's. */
async function jobClient({ endpoints }: CloudTarget): Promise<Opened['client']> {
  const { IdentityPoolClient } = await import('./auth-library.ts')
  const provider = process.env['GOOGLE_WORKLOAD_IDENTITY_PROVIDER'] ?? ''
  const account = process.env['GOOGLE_SERVICE_ACCOUNT'] ?? ''
  const sts = endpoints['sts'] ?? 'https://sts.googleapis.com'
  const iamCredentials = endpoints['iamcredentials'] ?? 'https://iamcredentials.googleapis.com'
  const client = new IdentityPoolClient({
    type: 'external_account',
    audience: `//iam.googleapis.com/${provider}`,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${sts}/v1/token`,
    service_account_impersonation_url: `${iamCredentials}/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
    subject_token_supplier: { getSubjectToken: () => gitHubToken(`https://iam.googleapis.com/${provider}`) },
  })
  client.scopes = [scope]
  return client
}

async function readCredentials(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw credentialsError(`GOOGLE_APPLICATION_CREDENTIALS names ${file}, which cannot be read.`, cause)
  })
}
