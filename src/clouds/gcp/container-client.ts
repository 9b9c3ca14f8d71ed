import type { CloudTarget } from '../target.ts'
import type { GoogleCredentials } from './auth.ts'

/** Google's client for GKE. It takes a quarter of a second to load, so that is left to the first who needs it. */
export async function openContainerClient(target: CloudTarget, credentials: GoogleCredentials) {
  const [{ ClusterManagerClient }, { GoogleAuth }] = await Promise.all([
    import('@google-cloud/container'),
    import('google-auth-library'),
  ])
  const endpoint = target.endpoints['container']
  const url = endpoint === undefined ? undefined : new URL(endpoint)
  return new ClusterManagerClient({
    // REST, not gRPC: a third of the start-up time, and it goes through HTTP proxies.
    fallback: true,
    auth: new GoogleAuth({ authClient: await credentials.client() }),
    projectId: target.account,
    ...(url === undefined
      ? {}
      : {
          apiEndpoint: url.hostname,
          port: Number(url.port || 443),
          protocol: url.protocol.replace(':', ''),
        }),
  })
}
export type ContainerClient = Awaited<ReturnType<typeof openContainerClient>>
