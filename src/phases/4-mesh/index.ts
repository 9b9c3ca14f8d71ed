import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds, homeCloud } from '../../config/configured-clouds.ts'
import { contextName } from '../../config/names.ts'
import { objectStep } from '../2-kubernetes/object-step.ts'
import { renderDeclarations } from '../2-kubernetes/render.ts'
import type { Phase, RenderContext, Rendering } from '../phase.ts'
import { authorityStep, rootStep } from './authority-steps.ts'
import { meshChecks } from './checks.ts'
import { controlPlaneStep, controlPlaneStepId } from './control-plane-step.ts'
import { meshDeclarations } from './declarations.ts'
import { dnsChecks } from './dns-checks.ts'
import { dnsCloud, gatewayPlaces, notTested, recordLines } from './dns-names.ts'
import { dnsStep } from './dns-step.ts'
import { gatewayCertificateStep } from './gateway-certificate-step.ts'
import { otherClouds } from './mesh.ts'
import { oldRevisionsStep } from './old-revisions-step.ts'
import { overlayOf } from './overlay.ts'
import { remoteStep } from './remote-step.ts'
import { sidecarsStep } from './sidecars-step.ts'

/** Guide, phase 4: one mesh over all configured clusters, and the gateway into each. */
export const meshPhase: Phase = {
  number: 4,
  name: 'mesh',
  title: 'Service mesh',
  // Load balancers are made while the pods start.
  expectedMinutes: 10,
  tools: ['istioctl'],
  steps: config =>
    configuredClouds(config).flatMap(cloud => [
      ...(cloud === homeCloud(config) ? [rootStep(config)] : []),
      authorityStep(config, cloud),
      controlPlaneStep(config, cloud),
      gatewayCertificateStep(cloud),
      ...meshDeclarations(config, cloud).map(declaration => objectStep(cloud, declaration)),
      ...otherClouds(config, cloud).map(other => remoteStep(config, cloud, other)),
      sidecarsStep(cloud),
      oldRevisionsStep(cloud),
      ...(config.dns !== undefined && cloud === dnsCloud(config) ? [dnsStep(config)] : []),
    ]),
  render: async context =>
    (
      await Promise.all(
        configuredClouds(context.config).map(async cloud => [
          await renderOverlay(context, cloud),
          ...(await renderDeclarations(context, cloud, meshDeclarations(context.config, cloud))),
        ]),
      )
    ).flat(),
  checks: (config, clouds) =>
    [...clouds.keys()].flatMap(cloud => [
      ...meshChecks(config, cloud),
      ...(cloud === dnsCloud(config) ? dnsChecks(cloud) : []),
    ]),
  async closing(context) {
    const { domain, dns } = context.config
    if (domain === undefined || dns !== undefined) return []
    return [
      `DNS records to be made for ${domain}, since mlp.yaml names no zone (${notTested}):`,
      ...recordLines(domain, await gatewayPlaces(context)).map(line => `  ${line}`),
    ]
  },
}

async function renderOverlay(context: RenderContext, cloud: CloudName): Promise<Rendering> {
  const name = contextName(cloud, context.config)
  const file = `mesh/${name}/overlay.yaml`
  return {
    step: controlPlaneStepId(cloud),
    appliedBy: `istioctl install --filename ${file} --context ${name} --skip-confirmation`,
    files: new Map([[file, (await overlayOf(context, cloud)).text]]),
  }
}
