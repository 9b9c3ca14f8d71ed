import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { deliveryOf } from '../../config/delivery.ts'
import type { Config } from '../../config/schema.ts'
import type { StepId } from '../../engine/step.ts'
import { infrastructurePhase } from '../1-infrastructure/index.ts'
import { kubernetesPhase } from '../2-kubernetes/index.ts'
import { objectStep } from '../2-kubernetes/object-step.ts'
import { renderDeclarations } from '../2-kubernetes/render.ts'
import { applicationsPhase } from '../3-applications/index.ts'
import { meshPhase } from '../4-mesh/index.ts'
import { monitoringPhase } from '../5-monitoring/index.ts'
import type { Phase, PlatformStep, RenderContext, Rendering } from '../phase.ts'
import { access } from './access.ts'
import { deliveryChecks } from './checks.ts'
import { environmentsStep } from './environments-step.ts'
import { federationStepId } from './federation.ts'
import { federationStep } from './federation-step.ts'
import { gitHubGate } from './gate.ts'
import { pipelineStep, pipelineStepId } from './pipeline-step.ts'
import { protectionStep } from './protection-step.ts'
import { repositoryStep } from './repository-step.ts'
import { pipelineFiles } from './workflows.ts'

const earlier = [infrastructurePhase, kubernetesPhase, applicationsPhase, meshPhase, monitoringPhase]

/** Guide, phase 6: a repository on GitHub whose workflows deploy by running mlp, without keys. */
export const deliveryPhase: Phase = {
  number: 6,
  name: 'delivery',
  title: 'CI/CD pipeline',
  // A run of the pipeline that has to build images first.
  expectedMinutes: 30,
  gates: [gitHubGate],
  leftOut: config => (deliveryOf(config) === undefined ? 'mlp.yaml names no delivery.repository' : undefined),
  steps(config) {
    const delivery = deliveryOf(config)
    if (delivery === undefined) return []
    const clouds = delivery.credentials === 'keys' ? [] : configuredClouds(config)
    return [
      repositoryStep(),
      ...clouds.flatMap(cloudSteps),
      environmentsStep(clouds.map(federationStepId)),
      // The pipeline works on the whole platform, under the lock that this run lends it: nothing else is under way then.
      // It deploys to every cloud, so a run of some is no time for it.
      {
        ...pipelineStep([...clouds.map((cloud): StepId => `6.${cloud}.access`), ...stepsBefore(config)]),
        joins: configuredClouds(config),
      },
      { ...protectionStep(), joins: configuredClouds(config) },
    ]
  },
  render: async context => [...(await renderAccess(context)), ...(await renderPipeline(context))],
  checks: (config, clouds) => deliveryChecks(config, [...clouds.keys()]),
}

function cloudSteps(cloud: CloudName): readonly PlatformStep[] {
  return [federationStep(cloud), objectStep(cloud, access)]
}

function stepsBefore(config: Config): readonly StepId[] {
  return earlier.flatMap(phase => phase.steps(config).map(({ id }) => id))
}

async function renderAccess(context: RenderContext): Promise<readonly Rendering[]> {
  const delivery = deliveryOf(context.config)
  if (delivery === undefined || delivery.credentials === 'keys') return []
  const clouds = configuredClouds(context.config)
  return (await Promise.all(clouds.map(cloud => renderDeclarations(context, cloud, [access])))).flat()
}

async function renderPipeline(context: RenderContext): Promise<readonly Rendering[]> {
  const delivery = deliveryOf(context.config)
  if (delivery === undefined) return []
  const files = [...(await pipelineFiles(context, delivery))]
  return [
    {
      step: pipelineStepId,
      appliedBy: `a commit on ${delivery.branch} of ${delivery.owner}/${delivery.name}`,
      files: new Map(files.map(([path, text]) => [`delivery/${path}`, text])),
    },
  ]
}
