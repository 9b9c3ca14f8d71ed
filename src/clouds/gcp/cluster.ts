import * as z from 'zod'
import type { ClusterAccess } from '../cloud.ts'
import { refusalError, unreachableError } from './errors.ts'
import type { GcpPlatform } from './platform.ts'

/** What mlp reads of container.v1.Cluster; the client fills every field, enums as their names. */
const cluster = z.object({
  name: z.string(),
  status: z.string(),
  endpoint: z.string(),
  currentMasterVersion: z.string(),
  resourceLabels: z.record(z.string(), z.string()).default({}),
  masterAuth: z.object({ clusterCaCertificate: z.string() }).nullable(),
  nodePools: z.array(z.object({ name: z.string(), status: z.string() })).default([]),
  databaseEncryption: z.object({ state: z.string().nullish() }).nullish(),
})
export type GkeCluster = z.output<typeof cluster>

const notFoundCode = 5
const retryableRequestTimeoutMs = 60_000

/** The cluster of that name in the platform's region, asked through Google's own client; undefined when there is none. */
export async function findCluster(
  platform: GcpPlatform,
  name: string,
  signal: AbortSignal,
): Promise<GkeCluster | undefined> {
  signal.throwIfAborted()
  const client = await openClient(platform)
  try {
    const path = `projects/${platform.project}/locations/${platform.region}/clusters/${name}`
    const [answer] = await client.getCluster({ name: path }, { timeout: retryableRequestTimeoutMs })
    return cluster.parse(answer)
  } catch (error) {
    if (codeOf(error) === notFoundCode || codeOf(error) === 404) return undefined
    throw clusterError(platform, error)
  } finally {
    await client.close()
  }
}

export async function clusterAccess(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<ClusterAccess | undefined> {
  const found = await findCluster(platform, platform.names.cluster, signal)
  if (found === undefined || found.masterAuth === null) return undefined
  return {
    name: found.name,
    endpoint: `https://${found.endpoint}`,
    certificateAuthorityPem: Buffer.from(found.masterAuth.clusterCaCertificate, 'base64').toString('utf8'),
    version: found.currentMasterVersion,
    status: found.status,
  }
}

async function openClient(platform: GcpPlatform) {
  const [{ ClusterManagerClient }, { GoogleAuth }] = await Promise.all([
    import('@google-cloud/container'),
    import('google-auth-library'),
  ])
  const endpoint = platform.options.target.endpoints['container']
  const url = endpoint === undefined ? undefined : new URL(endpoint)
  return new ClusterManagerClient({
    // REST, not gRPC: a third of the start-up time, and it goes through HTTP proxies.
    fallback: true,
    auth: new GoogleAuth({ authClient: await platform.credentials.client() }),
    projectId: platform.project,
    ...(url === undefined
      ? {}
      : {
          apiEndpoint: url.hostname,
          port: Number(url.port || 443),
          protocol: url.protocol.replace(':', ''),
        }),
  })
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

/** gRPC status codes: https://grpc.io/docs/guides/status-codes */
const httpStatuses: Readonly<Record<number, number>> = { 7: 403, 8: 429, 14: 503, 16: 401 }

function clusterError(platform: GcpPlatform, error: unknown): Error {
  const code = codeOf(error)
  const endpoint = platform.options.target.endpoints['container'] ?? 'https://container.googleapis.com'
  if (typeof code !== 'number') return unreachableError(new URL(endpoint), error)
  const message = error instanceof Error ? error.message : String(error)
  return refusalError({
    status: httpStatuses[code] ?? code,
    body: JSON.stringify({ error: { message } }),
    service: 'container',
    request: `GET cluster ${platform.names.cluster}`,
  })
}
