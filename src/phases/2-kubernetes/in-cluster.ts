import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Status, Undone } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context } from '../phase.ts'
import { openCluster } from './cluster.ts'
import { ownerOf } from './marks.ts'

/** How a step stands in a cluster that may not be there; what keeps it from being asked is told, not thrown. */
export async function statusInCluster(
  context: Context,
  cloudName: CloudName,
  look: (client: KubeClient) => Promise<Status>,
): Promise<Status> {
  const client = await clientOf(context, cloudName)
  if (client === undefined) return { state: 'absent', why: 'there is no cluster' }
  try {
    return await look(client)
  } catch (error) {
    if (error instanceof MlpError) return { state: 'unknown', why: error.message }
    throw error
  }
}

/** With the cluster went all that was in it. */
export async function undoInCluster(
  context: Context,
  cloudName: CloudName,
  undo: (client: KubeClient) => Promise<Undone>,
): Promise<Undone> {
  const client = await clientOf(context, cloudName)
  return client === undefined ? { removed: [], kept: [], left: [] } : await undo(client)
}

/** A Secret of another platform, or of nobody, is in the way (MLP4016); nothing of it is read. */
export function refuseForeignSecret(context: Context, secret: KubeObject | undefined): void {
  if (secret === undefined || ownerOf(context, secret) === 'ours') return
  throw new MlpError({
    code: 'MLP4016',
    summary: `${describeRef(refOf(secret))} is there already and is not this platform’s`,
    detail: 'It was left as it is, and nothing of it was read.',
    remedy: ['Remove it, or use another cluster; then run the same command again.'],
  })
}

async function clientOf(context: Context, cloudName: CloudName): Promise<KubeClient | undefined> {
  const cloud = cloudOf(context, cloudName)
  const access = await cloud.cluster(context.signal)
  return access === undefined ? undefined : openCluster(context, cloud, access)
}
