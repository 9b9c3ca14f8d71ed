import { parse } from 'yaml'
import * as z from 'zod'
import type { ClusterAccess, ClusterToken } from '../cloud.ts'
import { sdkError, unexpectedAnswerError } from './errors.ts'
import type { AzurePlatform } from './platform.ts'

/** The AKS server application; the same in every tenant of the public cloud. */
export const aksServer = '6dae42f8-4368-4678-94ff-3960e28e3630'

/** The part of AKS's kubeconfig that says where the cluster is; who connects brings an Entra token. */
const kubeconfig = z.object({
  clusters: z
    .array(z.object({ cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }) }))
    .min(1),
})

export async function clusterAccess(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<ClusterAccess | undefined> {
  const { names } = platform
  const request = `managed cluster ${names.cluster}`
  const { managedClusters } = await platform.containerService()
  const options = { abortSignal: signal }
  try {
    const [cluster, credentials] = await Promise.all([
      managedClusters.get(names.resourceGroup, names.cluster, options),
      managedClusters.listClusterUserCredentials(names.resourceGroup, names.cluster, options),
    ])
    const value = credentials.kubeconfigs?.[0]?.value
    if (value === undefined) throw unexpectedAnswerError(request, 'no kubeconfig')
    const access = kubeconfig.safeParse(parse(Buffer.from(value).toString('utf8')))
    const found = access.data?.clusters[0]?.cluster
    if (found === undefined) throw unexpectedAnswerError(request, 'a kubeconfig without a cluster')
    return {
      name: names.cluster,
      endpoint: found.server,
      certificateAuthorityPem: Buffer.from(found['certificate-authority-data'], 'base64').toString('utf8'),
      version: cluster.currentKubernetesVersion ?? '',
      status: cluster.provisioningState ?? '',
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 404) return undefined
    throw sdkError(error, request)
  }
}

export async function clusterToken(platform: AzurePlatform, signal: AbortSignal): Promise<ClusterToken> {
  const { token, expiresOnTimestamp } = await platform.accessToken(`${aksServer}/.default`, signal)
  return { token, expiresAt: new Date(expiresOnTimestamp).toISOString() }
}
