import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { StepId } from '../../engine/step.ts'
import { templateHash } from '../../tools/terraform/workspace.ts'
import { rootFolders, rootVariables } from '../1-infrastructure/root.ts'
import {
  applySmallRoot,
  type SmallRoot,
  smallRootStatus,
  undoSmallRoot,
} from '../1-infrastructure/small-root.ts'
import { infrastructureOutputs } from '../2-kubernetes/declarations.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { peerIssuers, peersOf, peerTrustStepId } from './peers.ts'

const root = 'peers' as const

/**
 * The cloud lets data-sync of the platform's other clusters at its buckets, by their clusters' tokens: a terraform root of
 * its own, because it can only be made once all clusters are there.
 */
export function peerTrustStep(config: Config, cloud: CloudName): PlatformStep {
  const id = peerTrustStepId(cloud)
  const small: SmallRoot = { cloud, root, step: id }
  const peers = peersOf(config, cloud)
  return {
    id,
    cloud,
    title: 'Trust in the other clouds’ data-sync',
    needs: [
      `1.${cloud}.apply-foundation`,
      ...[cloud, ...peers].map((each): StepId => `1.${each}.apply-cluster`),
    ],
    joins: peers,
    limits: [`terraform:${cloud}-${root}`],
    inputs(context) {
      const { template, overrides } = rootFolders(context, cloud, root)
      const issuers = peerIssuers(context, cloud)
      return {
        issuers: issuers === undefined ? null : Object.fromEntries(issuers),
        templates: templateHash([template, overrides]),
      }
    },
    async status(context) {
      const variables = variablesOf(context, cloud)
      return variables === undefined
        ? { state: 'absent', why: 'the other clusters are not there yet' }
        : await smallRootStatus(context, small, variables)
    },
    async apply(context, progress) {
      const variables = variablesOf(context, cloud)
      if (variables === undefined) throw new Error(`${id} does not know the other clusters`)
      return await applySmallRoot(context, small, variables, progress)
    },
    undo: (context, progress) =>
      undoSmallRoot(
        context,
        small,
        variablesOf(context, cloud) ?? rootVariables(context, cloud, root, undefined),
        progress,
      ),
  }
}

function variablesOf(context: Context, cloud: CloudName): JsonObject | undefined {
  const outputs = infrastructureOutputs(context, cloud)
  const issuers = peerIssuers(context, cloud)
  if (outputs === undefined || issuers === undefined) return undefined
  return rootVariables(context, cloud, root, { ...outputs, issuers: Object.fromEntries(issuers) })
}
