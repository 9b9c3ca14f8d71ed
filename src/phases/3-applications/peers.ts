import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { StepId } from '../../engine/step.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { type DeclarationContext, infrastructureOutputs } from '../2-kubernetes/declarations.ts'

/** The platform's clouds beside this one. */
export function peersOf(config: Config, cloud: CloudName): readonly CloudName[] {
  return configuredClouds(config).filter(other => other !== cloud)
}

export function peerTrustStepId(cloud: CloudName): StepId {
  return `3.${cloud}.peer-trust`
}

/** Who vouches for the tokens of the peers' clusters; undefined while one of them is not known in this run. */
export function peerIssuers(
  context: Pick<DeclarationContext, 'config' | 'clouds' | 'outputs'>,
  cloud: CloudName,
): ReadonlyMap<CloudName, string> | undefined {
  const issuers = new Map<CloudName, string>()
  for (const peer of peersOf(context.config, cloud)) {
    const outputs = context.clouds.has(peer) ? infrastructureOutputs(context, peer) : undefined
    const issuer = outputs && cloudOf(context, peer).tokenIssuer(outputs)
    if (issuer === undefined) return undefined
    issuers.set(peer, issuer)
  }
  return issuers
}
