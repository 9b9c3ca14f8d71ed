import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { ClusterAccess } from '../cloud.ts'
import { refusalError, unreachableError } from './errors.ts'
import type { GcpPlatform } from './platform.ts'
import { backoffMs } from './rest.ts'

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

/** https://grpc.io/docs/guides/status-codes: the client uses them over REST as well. */
const grpc = {
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  exhausted: 8,
  unavailable: 14,
  unauthenticated: 16,
}
const httpStatuses = new Map<unknown, number>([
  [grpc.permissionDenied, 403],
  [grpc.exhausted, 429],
  [grpc.unavailable, 503],
  [grpc.unauthenticated, 401],
])
/** Overload and broken connections pass; asking for a cluster again does no harm. */
const passing: ReadonlySet<unknown> = new Set([grpc.deadlineExceeded, grpc.exhausted, grpc.unavailable])
const attempts = 4
const requestTimeoutMs = 20_000

/** The cluster of that name in the platform's region, asked through Google's own client; undefined when there is none. */
export async function findCluster(
  platform: GcpPlatform,
  name: string,
  signal: AbortSignal,
): Promise<GkeCluster | undefined> {
  const client = await platform.container()
  const path = `projects/${platform.project}/locations/${platform.region}/clusters/${name}`
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      // The client's own retries take a minute to say that nothing answers.
      const [answer] = await client.getCluster({ name: path }, { timeout: requestTimeoutMs, retry: null })
      return cluster.parse(answer)
    } catch (error) {
      if (codeOf(error) === grpc.notFound) return undefined
      if (attempt === attempts || !passing.has(codeOf(error))) throw clusterError(platform, error)
      await delay(backoffMs(attempt), undefined, { signal })
    }
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

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

function clusterError(platform: GcpPlatform, error: unknown): Error {
  const code = codeOf(error)
  const endpoint = platform.options.target.endpoints['container'] ?? 'https://container.googleapis.com'
  // A request that never got an answer carries the network's error as its cause.
  const unanswered = error instanceof Error && error.cause !== undefined && codeOf(error.cause) !== undefined
  if (typeof code !== 'number' || (passing.has(code) && unanswered)) {
    return unreachableError(new URL(endpoint), error)
  }
  const message = error instanceof Error ? error.message : String(error)
  return refusalError({
    status: httpStatuses.get(code) ?? 400,
    body: JSON.stringify({ error: { message } }),
    service: 'container',
    request: `GET cluster ${platform.names.cluster}`,
  })
}
