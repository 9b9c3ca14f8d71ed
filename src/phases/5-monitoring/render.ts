import type { CloudName } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import { renderDeclarations } from '../2-kubernetes/render.ts'
import type { RenderContext, Rendering } from '../phase.ts'
import { pinnedChart } from './chart.ts'
import { declarations } from './declarations.ts'
import { chartName, monitoringNamespace, releaseName, stackStepId } from './names.ts'
import { telemetry } from './telemetry.ts'
import { chartValues } from './values.ts'

/** The chart's values, and the objects beside it. */
export async function renderMonitoring(
  context: RenderContext,
  cloud: CloudName,
): Promise<readonly Rendering[]> {
  const kubeContext = contextName(cloud, context.config)
  const file = `monitoring/${kubeContext}/values.yaml`
  const { version } = await pinnedChart(context)
  return [
    {
      step: stackStepId(cloud),
      appliedBy: `helm upgrade --install ${releaseName} ${chartName} --version ${version} --namespace ${monitoringNamespace} --kube-context ${kubeContext} --values ${file}`,
      files: new Map([[file, await chartValues(context, cloud)]]),
    },
    ...(await renderDeclarations(context, cloud, [...declarations, ...telemetry])),
  ]
}
