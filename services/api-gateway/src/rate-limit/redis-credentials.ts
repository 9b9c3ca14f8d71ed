import { readFile } from 'node:fs/promises'
import type { FastifyBaseLogger } from 'fastify'
import * as z from 'zod'
import type { GatewaySettings } from '../settings.ts'

/** What signs in to Redis, and until when it may; undefined when it does not end. */
export interface Login {
  readonly username: string
  readonly password: string
  readonly expiresAtMs: number | undefined
}

/** Of a login's life, so that there is time to try again before it ends. */
const renewAfter = 0.75
const tryAgainMs = 10_000

/** Signs open connections in again before their login ends, as the three clouds' caches ask for. */
export function streamLogins(login: () => Promise<Login>, log: FastifyBaseLogger) {
  return {
    type: 'streaming-credentials-provider' as const,
    async subscribe(listener: { onNext(login: Login): void }): Promise<[Login, { dispose(): void }]> {
      let timer: NodeJS.Timeout | undefined
      let stopped = false
      const later = (ms: number) => {
        if (!stopped) timer = setTimeout(renew, ms).unref()
      }
      const lifeOf = ({ expiresAtMs }: Login) => {
        if (expiresAtMs !== undefined) later(Math.max(1000, (expiresAtMs - Date.now()) * renewAfter))
      }
      async function renew(): Promise<void> {
        try {
          const next = await login()
          if (stopped) return
          listener.onNext(next)
          lifeOf(next)
        } catch (error) {
          log.warn({ err: error }, 'no new login for redis')
          later(tryAgainMs)
        }
      }
      const first = await login()
      lifeOf(first)
      return [
        first,
        {
          dispose() {
            stopped = true
            clearTimeout(timer)
          },
        },
      ]
    },
    onReAuthenticationError: (error: Error) => log.error({ err: error }, 'redis did not take the new login'),
  }
}

/** @throws ZodError when the pod lacks the identity that it is to sign in with */
export function redisLogin(
  settings: GatewaySettings,
  environment: Readonly<Record<string, string | undefined>>,
): (() => Promise<Login>) | undefined {
  const { REDIS_USERNAME: username } = settings
  switch (settings.REDIS_AUTHENTICATION) {
    case 'none':
      return undefined
    case 'password':
      return passwordLogin(username, settings.REDIS_PASSWORD_FILE ?? '')
    case 'aws':
      return awsLogin(username, settings.REDIS_CACHE_NAME ?? '', settings.AWS_REGION ?? '')
    case 'google':
      return googleLogin(environment)
    case 'azure':
      return azureLogin(username, environment)
  }
}

/** A password in a mounted file, read anew for each connection. */
function passwordLogin(username: string, file: string): () => Promise<Login> {
  return async () => ({ username, password: (await readFile(file, 'utf8')).trim(), expiresAtMs: undefined })
}

const tokenSchema = z.object({ access_token: z.string().min(1), expires_in: z.coerce.number().positive() })

/**
 * Memorystore for Redis Cluster: an access token of the pod's Google identity, from the metadata server.
 * https://cloud.google.com/memorystore/docs/cluster/manage-iam-auth
 */
function googleLogin(environment: Readonly<Record<string, string | undefined>>): () => Promise<Login> {
  const host = environment['GCE_METADATA_HOST'] ?? 'metadata.google.internal'
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token`
  return () => fetchToken('default', url, { headers: { 'metadata-flavor': 'Google' } })
}

const azureEnvironmentSchema = z.object({
  AZURE_CLIENT_ID: z.string().min(1),
  AZURE_TENANT_ID: z.string().min(1),
  AZURE_FEDERATED_TOKEN_FILE: z.string().min(1),
  AZURE_AUTHORITY_HOST: z.url({ protocol: /^https?$/ }).default('https://login.microsoftonline.com/'),
})

/**
 * Azure Managed Redis: an Entra token for the pod's workload identity. The user name is the object id of the
 * identity. https://learn.microsoft.com/azure/redis/entra-for-authentication
 * @throws ZodError when the pod has no workload identity
 */
function azureLogin(
  objectId: string,
  environment: Readonly<Record<string, string | undefined>>,
): () => Promise<Login> {
  const identity = azureEnvironmentSchema.parse(environment)
  const url = new URL(`${identity.AZURE_TENANT_ID}/oauth2/v2.0/token`, identity.AZURE_AUTHORITY_HOST)
  return async () =>
    fetchToken(objectId, url.href, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: identity.AZURE_CLIENT_ID,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await readFile(identity.AZURE_FEDERATED_TOKEN_FILE, 'utf8'),
        scope: 'https://redis.azure.com/.default',
      }),
    })
}

async function fetchToken(username: string, url: string, init: RequestInit): Promise<Login> {
  const response = await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(5000) })
  // The body of a refusal may repeat what was sent.
  if (!response.ok) throw new Error(`${new URL(url).host} gave no token: ${response.status}`)
  const token = tokenSchema.parse(await response.json())
  return { username, password: token.access_token, expiresAtMs: Date.now() + token.expires_in * 1000 }
}

const awsTokenSeconds = 900

/**
 * ElastiCache: a presigned `connect` request without its scheme, valid for 15 minutes, signed by the pod's role.
 * https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
 * @param cacheName the replication group's id; user name and user id are the same
 */
function awsLogin(username: string, cacheName: string, region: string): () => Promise<Login> {
  return async () => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node')
    const { SignatureV4 } = await import('@smithy/signature-v4')
    const { Sha256 } = await import('@aws-crypto/sha256-js')
    const signer = new SignatureV4({
      service: 'elasticache',
      region,
      credentials: defaultProvider(),
      sha256: Sha256,
    })
    const { hostname, path, query } = await signer.presign(
      {
        method: 'GET',
        protocol: 'http:',
        hostname: cacheName,
        path: '/',
        query: { Action: 'connect', User: username },
        headers: { host: cacheName },
      },
      { expiresIn: awsTokenSeconds },
    )
    const parameters = new URLSearchParams(z.record(z.string(), z.string()).parse(query))
    return {
      username,
      password: `${hostname}${path}?${parameters}`,
      expiresAtMs: Date.now() + awsTokenSeconds * 1000,
    }
  }
}
