import { setTimeout as delay } from 'node:timers/promises'
import { type GkeCluster, gkeCluster } from './cluster.ts'
import { refusalError, unreachableError } from './errors.ts'
import type { GcpPlatform } from './platform.ts'
import { backoffMs } from './rest.ts'

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

/**
 * The platform's cluster through Google's own client, for checks: what a run itself only asks for an address
 * (cluster.ts) is here told by whom Google keeps up to date. Undefined when there is none. Takes a quarter of a second
 * to load.
 */
export async function askCluster(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<GkeCluster | undefined> {
  const client = await openClient(platform, signal)
  const { project, region, names } = platform
  const name = `projects/${project}/locations/${region}/clusters/${names.cluster}`
  try {
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      try {
        // The client's own retries take a minute to say that nothing answers.
        const [answer] = await client.getCluster({ name }, { timeout: requestTimeoutMs, retry: null })
        return gkeCluster.parse(withoutNull(answer))
      } catch (error) {
        if (codeOf(error) === grpc.notFound) return undefined
        if (attempt === attempts || !passing.has(codeOf(error))) throw clusterError(platform, error)
        await delay(backoffMs(attempt), undefined, { signal })
      }
    }
  } finally {
    await client.close()
  }
}

async function openClient({ options, credentials, project }: GcpPlatform, signal: AbortSignal) {
  const [{ ClusterManagerClient }, { GoogleAuth, OAuth2Client }] = await Promise.all([
    import('@google-cloud/container'),
    import('./auth-library.ts'),
  ])
  const authClient = new OAuth2Client()
  authClient.setCredentials({ access_token: (await credentials.accessToken(signal)).token })
  const endpoint = options.target.endpoints['container']
  const url = endpoint === undefined ? undefined : new URL(endpoint)
  return new ClusterManagerClient({
    // REST, not gRPC: a third of the start-up time, and it goes through HTTP proxies.
    fallback: true,
    auth: new GoogleAuth({ authClient }),
    projectId: project,
    ...(url === undefined
      ? {}
      : {
          apiEndpoint: url.hostname,
          port: Number(url.port || 443),
          protocol: url.protocol.replace(':', ''),
        }),
  })
}

/** The client fills what is not there with null; the JSON leaves it out. */
function withoutNull(answer: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(answer).filter(([, value]) => value !== null))
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

function clusterError({ options, names }: GcpPlatform, error: unknown): Error {
  const code = codeOf(error)
  const endpoint = options.target.endpoints['container'] ?? 'https://container.googleapis.com'
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
    request: `GET cluster ${names.cluster}`,
  })
}
