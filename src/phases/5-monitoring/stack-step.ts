import { join } from 'node:path'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName, platformIdKey } from '../../config/names.ts'
import { MlpError } from '../../engine/errors.ts'
import type { PlannedAction, Status } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { refOf } from '../../kube/objects.ts'
import type { FoundChart } from '../../tools/charts/find-chart.ts'
import { type Helm, type HelmOptions, waitForEarlierHelm, withHelm } from '../../tools/helm.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster, requireCluster } from '../2-kubernetes/cluster.ts'
import { kubeconfigFile } from '../2-kubernetes/context-step.ts'
import { statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { chartMark, chartSource, getChart, isWantedChart, pinnedChart } from './chart.ts'
import { applyCrds } from './crds.ts'
import { chartName, monitoringNamespace, releaseName, secretsStepId, stackStepId } from './names.ts'
import { readWorkloads, type WorkloadState, waitForWorkloads } from './readiness.ts'
import { chartLabel, contentLabel, isPending, originLabel, type Release, readRelease } from './release.ts'
import { undoStack } from './stack-undo.ts'
import { chartValues, hashOf } from './values.ts'

/** kube-prometheus-stack by helm: the operator, Prometheus, Alertmanager, Grafana and what they look at clusters with. */
export function stackStep(cloudName: CloudName): PlatformStep {
  const id = stackStepId(cloudName)
  return {
    id,
    cloud: cloudName,
    title: 'Prometheus, Alertmanager and Grafana',
    needs: [
      `1.${cloudName}.apply-cluster`,
      `2.${cloudName}.context`,
      `2.${cloudName}.namespaces`,
      `2.${cloudName}.storage-class`,
      secretsStepId(cloudName),
    ],
    // The values themselves are compared with the cluster's.
    inputs: context => ({ monitoring: withoutSecrets(context), environment: context.config.environment }),
    status: context => statusInCluster(context, cloudName, client => statusOf(context, client, cloudName)),
    async plan(context) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      const status: Status =
        access === undefined
          ? { state: 'absent' }
          : await statusOf(context, openCluster(context, cloud, access), cloudName)
      if (status.state === 'present') return []
      const { version } = await pinnedChart(context)
      const action: PlannedAction = {
        step: id,
        cloud: cloudName,
        subject: `release ${releaseName} of ${chartName} ${version}`,
        action: status.state === 'absent' ? 'create' : 'change',
        why: status.why ?? 'not there yet',
        destroysData: false,
        seconds: 60,
        monthlyCost: null,
        command: `helm upgrade --install ${releaseName} ${chartName}-${version}.tgz --namespace ${monitoringNamespace} --kube-context ${contextName(cloudName, context.config)} --values -`,
      }
      return [action]
    },
    async apply(context, progress) {
      const report = (message: string) => progress.report(message)
      const client = await requireCluster(context, cloudName)
      const options = await helmOptions(context, cloudName)
      await waitForEarlierHelm(options.runRecord, context.signal, report)
      await clearInterrupted(context, client, report)
      const chart = await getChart(context, report)
      const values = await chartValues(context, cloudName)
      const revision = await withHelm(context, options, helm =>
        install(context, client, helm, chart, values, report),
      )
      const workloads = await waitForWorkloads(context, client, report)
      tellWhatIsNotReal(context, cloudName, chart, workloads)
      return { chart: chart.version, origin: chart.origin, revision }
    },
    undo: (context, progress) =>
      undoInCluster(context, cloudName, client =>
        undoStack(
          context,
          client,
          cloudName,
          () => helmOptions(context, cloudName),
          message => progress.report(message),
        ),
      ),
  }
}

async function statusOf(context: Context, client: KubeClient, cloudName: CloudName): Promise<Status> {
  const release = await readRelease(client)
  if (release === undefined) return { state: 'absent' }
  if (release.platformId !== context.platformId)
    return { state: 'drifted', why: `the release ${releaseName} was not made by this platform` }
  if (isPending(release))
    return { state: 'partial', why: `helm was interrupted: the release is ${release.status}` }
  if (release.status !== 'deployed') return { state: 'partial', why: `the release is ${release.status}` }
  if (!(await isWantedChart(context, release)))
    return { state: 'drifted', why: 'it was made from another chart than the one wanted now' }
  if (release.values !== hashOf(await chartValues(context, cloudName)))
    return { state: 'drifted', why: 'its values are not the ones wanted now' }
  const lacking = (await readWorkloads(client)).filter(({ done }) => !done)
  if (lacking.length > 0) {
    const named = lacking.map(({ name, ready, wanted }) => `${name}: ${ready} of ${wanted} ready`)
    return { state: 'partial', why: named.join(', ') }
  }
  const origin = release.origin ?? 'official'
  return {
    state: 'present',
    outputs: { origin, revision: release.revision },
    ...(origin === 'stand-in' ? { why: 'of the target’s stand-in chart, not of the official one' } : {}),
  }
}

async function helmOptions(context: Context, cloudName: CloudName): Promise<HelmOptions> {
  return {
    binary: await context.toolchain.path('helm', context.signal),
    kubeconfig: kubeconfigFile(context),
    kubeContext: contextName(cloudName, context.config),
    namespace: monitoringNamespace,
    runRecord: join(context.home, 'helm', `${cloudName}-${releaseName}.json`),
    step: stackStepId(cloudName),
    cloud: cloudName,
  }
}

async function install(
  context: Context,
  client: KubeClient,
  helm: Helm,
  chart: FoundChart,
  values: string,
  report: (message: string) => void,
): Promise<number> {
  await applyCrds(context, client, await helm.showCrds(chart.path), report)
  report(`helm: ${chartName} ${chart.version}${chart.origin === 'stand-in' ? ' (stand-in)' : ''}`)
  const { revision } = await helm.upgrade({
    release: releaseName,
    chart: chart.path,
    values,
    labels: {
      [platformIdKey.kubernetes]: context.platformId,
      [contentLabel]: hashOf(values),
      [chartLabel]: chartMark(chart.digest),
      [originLabel]: chart.origin,
    },
  })
  return revision
}

/**
 * helm refuses to touch a release that says it is being worked at. Nobody works at it: no other mlp holds the lease, and
 * the helm of a killed one has been waited for. Without helm's record of that revision the next installation takes up
 * what is there: each object carries the name of its release.
 */
async function clearInterrupted(
  context: Context,
  client: KubeClient,
  report: (message: string) => void,
): Promise<void> {
  const release = await readRelease(client)
  if (release === undefined) return
  if (release.platformId !== context.platformId) throw belongsToOthers(client, release)
  if (!isPending(release)) return
  report(`clearing revision ${release.revision}, in which helm was interrupted (${release.status})`)
  await client.delete(refOf(release.secret), release.secret.metadata.uid)
}

function belongsToOthers(client: KubeClient, { revision }: Release): MlpError {
  return new MlpError({
    code: 'MLP4060',
    summary: `The release ${releaseName} in ${monitoringNamespace} on ${client.label.cloud} was not made by this platform`,
    detail: `Its revision ${revision} was left as it is.`,
    remedy: [
      `If nobody needs it: helm uninstall ${releaseName} --namespace ${monitoringNamespace}`,
      'Or use another cluster.',
    ],
  })
}

/** Nobody should take what is only played, or another chart, for the real thing. */
function tellWhatIsNotReal(
  context: Context,
  cloud: CloudName,
  chart: FoundChart,
  workloads: readonly WorkloadState[],
): void {
  if (chart.origin === 'stand-in') {
    const message = `${cloud}: the official chart could not be had; this target’s stand-in was installed, which makes the same kinds of objects under the same names, and fewer of them`
    context.emit({ type: 'notice', level: 'info', message })
  }
  const played = workloads.filter(({ simulated }) => simulated).map(({ name }) => name)
  if (played.length > 0) {
    const message = `${cloud}: simulated: ${played.join(', ')}: only said to be ready, nothing runs in them`
    context.emit({ type: 'notice', level: 'info', message })
  }
}

function withoutSecrets(context: Context) {
  const { chart, ...monitoring } = context.config.monitoring ?? {}
  return { ...monitoring, source: chartSource(context).kind === 'official' ? null : (chart ?? 'named') }
}
