import type { Cloud, CloudName, ClusterAccess } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context } from '../phase.ts'

/** A client for a cluster that stands, with the cloud's own tokens. */
export function openCluster(
  context: Context,
  cloud: Cloud,
  access: ClusterAccess,
  patienceMs?: number,
): KubeClient {
  return context.openKubeClient({
    cloud: cloud.name,
    access,
    token: signal => cloud.token(access.name, signal),
    signal: context.signal,
    userAgent: `mlp/${context.mlpVersion}`,
    ...(patienceMs === undefined ? {} : { patienceMs }),
  })
}

/** A client for the cloud's cluster; MLP4012 when there is no cluster. */
export async function requireCluster(
  context: Context,
  name: CloudName,
  patienceMs?: number,
): Promise<KubeClient> {
  return openCluster(context, cloudOf(context, name), await requireAccess(context, name), patienceMs)
}

export async function requireAccess(context: Context, name: CloudName): Promise<ClusterAccess> {
  const cloud = cloudOf(context, name)
  const access = await cloud.cluster(context.signal)
  if (access === undefined) {
    throw new MlpError({
      code: 'MLP4012',
      summary: `There is no cluster on ${cloud.title}`,
      detail: `The cloud lists none of this platform's in ${cloud.region}.`,
      remedy: [`mlp bootstrap --to 1 --cloud ${name}`],
    })
  }
  return access
}
