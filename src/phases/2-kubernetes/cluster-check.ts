import type { CloudName } from '../../clouds/cloud.ts'
import type { CheckId, Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import { orError } from '../findings.ts'
import type { Context, PhaseNumber, PlatformCheck } from '../phase.ts'
import { requireCluster } from './cluster.ts'

/** A check answers soon; `verify --wait` asks again. */
export const checkPatienceMs = 3_000

/** Makes the checks of one phase that are asked of one cluster; `error` where it cannot be asked. */
export function clusterCheck(
  phase: PhaseNumber,
  cloud: CloudName,
  options: Pick<PlatformCheck, 'timeoutMs'> = {},
) {
  return (
    name: string,
    title: string,
    why: string,
    /** Of this phase only: it may be verified alone. */
    after: readonly CheckId[],
    run: (context: Context, client: KubeClient) => Promise<Finding>,
  ): PlatformCheck => ({
    ...options,
    id: `${phase}.${cloud}.${name}`,
    phase,
    cloud,
    title,
    why,
    after,
    run: context => orError(async () => run(context, await requireCluster(context, cloud, checkPatienceMs))),
  })
}
