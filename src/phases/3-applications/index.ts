import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { Declaration } from '../2-kubernetes/declarations.ts'
import { objectStep } from '../2-kubernetes/object-step.ts'
import { renderDeclarations } from '../2-kubernetes/render.ts'
import type { Phase, PlatformStep } from '../phase.ts'
import { releaseGate } from '../release-gate.ts'
import { application, applicationsOf } from './applications.ts'
import { applicationChecks } from './checks.ts'
import { databaseUsers } from './database-users.ts'
import { imagesStep } from './images-step.ts'
import { keysStep } from './keys-step.ts'
import { peerIdentities, peerIdentitiesStepId } from './peer-identities.ts'
import { peerTrustStep } from './peer-trust-step.ts'
import { peersOf } from './peers.ts'

/** The users of the database come before who keeps records in it. */
function declarationsOf(config: Config, cloud: CloudName): readonly Declaration[] {
  return [
    databaseUsers,
    ...applicationsOf(config, cloud).map(application),
    ...(peersOf(config, cloud).length > 0 ? [peerIdentities(config)] : []),
  ]
}

function declaredStep(config: Config, cloud: CloudName, declaration: Declaration): PlatformStep {
  const step = objectStep(cloud, declaration)
  if (step.id === peerIdentitiesStepId(cloud)) return { ...step, joins: peersOf(config, cloud) }
  // Its pods are told of the other clouds when they start; in a run of this cloud alone they stay as they are.
  return declaration.name === 'data-sync' ? { ...step, after: [peerIdentitiesStepId(cloud)] } : step
}

/** Guide, phase 3: images in each cloud's registry, and the services from them in each cluster. */
export const applicationsPhase: Phase = {
  number: 3,
  name: 'applications',
  title: 'Applications',
  // Of credentials that cannot renew themselves: the registries' logins and the clusters' tokens are asked for anew.
  expectedMinutes: 4,
  tools: ['crane'],
  gates: [releaseGate],
  steps: config =>
    configuredClouds(config).flatMap(cloud => [
      imagesStep(cloud),
      keysStep(config, cloud),
      ...(peersOf(config, cloud).length > 0 ? [peerTrustStep(config, cloud)] : []),
      ...declarationsOf(config, cloud).map(declaration => declaredStep(config, cloud, declaration)),
    ]),
  render: async context =>
    (
      await Promise.all(
        configuredClouds(context.config).map(cloud =>
          renderDeclarations(context, cloud, declarationsOf(context.config, cloud)),
        ),
      )
    ).flat(),
  checks: (config, clouds) => [...clouds.values()].flatMap(cloud => applicationChecks(config, cloud)),
}
