import { type KubeClient, openKubeClient } from './client.ts'

/**
 * `openKubeClient`, but a run's steps share one client a cluster, and with it the connection and the token. Another
 * endpoint or authority is another cluster, so one that was made anew gets a client of its own.
 */
export function shareKubeClients(): typeof openKubeClient {
  const opened = new Map<string, KubeClient>()
  return options => {
    const { cloud, access, patienceMs } = options
    const key = JSON.stringify([cloud, access.endpoint, access.certificateAuthorityPem, patienceMs])
    const client = opened.get(key) ?? openKubeClient(options)
    opened.set(key, client)
    return client
  }
}
