import type { Cloud } from '../../clouds/cloud.ts'
import type { CheckId } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, refOf } from '../../kube/objects.ts'
import { viewPod } from '../../kube/pod-trouble.ts'
import { secretValues } from '../../kube/secret.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail, pass, simulatedFinding } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { readAlerts, readDashboardUids, readRules, readTargets, simulated } from './api.ts'
import { declarations, readDashboards } from './declarations.ts'
import { groupsOf, watchdog } from './loaded.ts'
import { monitoringNamespace, releaseName } from './names.ts'
import { readWorkloads } from './readiness.ts'
import { contentOf, isPending, readRelease } from './release.ts'
import { grafanaRef } from './secrets-step.ts'

const named = 5

/** Guide, phase 5, asked of each cluster, of Prometheus, of Alertmanager and of Grafana. */
export function monitoringChecks(cloud: Cloud): readonly PlatformCheck[] {
  const again = `mlp phase 5 --cloud ${cloud.name}`
  const id = (name: string): CheckId => `5.${cloud.name}.${name}`
  const check = clusterCheck(5, cloud.name)
  return [
    check(
      'release',
      'The monitoring release is whole',
      'Parts of the monitoring are missing.',
      [],
      async (context, client) => {
        const release = await readRelease(client)
        if (release === undefined) return fail(`there is no release ${releaseName}`, [again])
        if (release.platformId !== context.platformId)
          return fail('the release was not made by this platform', [again])
        if (isPending(release) || release.status !== 'deployed')
          return fail(`helm says: ${release.status}`, [again])
        const { version, objects } = contentOf(release)
        const there = await Promise.all(objects.map(object => isThere(client, object)))
        const missing = objects.filter((_, index) => there[index] !== true)
        if (missing.length > 0) {
          const names = missing.map(object => describeRef(refOf(object)))
          // An upgrade to the same values makes what is missing anew.
          return fail(`missing: ${listed(names)}`, [`${again} --force`])
        }
        const detail = `${objects.length} objects of chart ${version}, revision ${release.revision}`
        return release.origin === 'stand-in'
          ? { status: 'warn', detail: `${detail}: a stand-in for the official chart, which could not be had` }
          : pass(detail)
      },
    ),
    check(
      'workloads',
      'Monitoring runs',
      'Nobody looks at the platform.',
      [id('release')],
      async (_context, client) => {
        const states = await readWorkloads(client)
        const lacking = states.filter(({ done }) => !done)
        if (lacking.length > 0) {
          const lines = lacking.map(
            ({ name, ready, wanted, why }) =>
              `${name} ${ready}/${wanted}${why === undefined ? '' : `: ${why}`}`,
          )
          return fail(lines.join('\n'), [again])
        }
        const played = states.filter(state => state.simulated).map(({ name }) => name)
        const detail = states.map(({ name, ready, wanted }) => `${name} ${ready}/${wanted}`).join(', ')
        return played.length === 0
          ? pass(detail)
          : { status: 'warn', detail: `${detail}; simulated, nothing runs in them: ${played.join(', ')}` }
      },
    ),
    check(
      'targets',
      'Everything that is watched answers',
      'What does not answer can break unseen.',
      [id('workloads')],
      async (_context, client) => {
        const targets = await readTargets(client)
        if (targets === simulated) return simulatedFinding('Prometheus')
        const silent = targets.filter(({ health }) => health !== 'up')
        const unasked = silent.filter(({ health }) => health === 'unknown')
        const playedPods = silent.length === 0 ? new Set<string>() : await simulatedPods(client)
        const isPlayed = ({ labels }: (typeof silent)[number]) =>
          playedPods.has(`${labels['namespace']}/${labels['pod']}`)
        const down = silent.filter(target => !isPlayed(target) && !unasked.includes(target))
        const jobs = new Set(targets.map(({ labels }) => labels['job'] ?? ''))
        const unseen = ['api-gateway', 'model-serving', 'data-sync'].filter(job => !jobs.has(job))
        if (down.length > 0) {
          const lines = down.map(({ scrapeUrl, lastError }) => `${scrapeUrl}: ${lastError}`)
          return fail(`${down.length} of ${targets.length} do not answer: ${listed(lines)}`, [
            `mlp verify 3 --cloud ${cloud.name}`,
          ])
        }
        if (unseen.length === 0 && silent.length > 0) {
          const names = silent.map(target =>
            isPlayed(target)
              ? `${target.labels['pod']} (simulated: nothing runs in it)`
              : `${target.scrapeUrl} (not asked yet)`,
          )
          return {
            status: 'warn',
            detail: `${targets.length - silent.length} of ${targets.length} targets answer; not: ${listed(names)}`,
          }
        }
        return unseen.length === 0
          ? pass(`${targets.length} targets of ${jobs.size} jobs`)
          : fail(`Prometheus knows no pod of ${unseen.join(', ')}`, [`mlp verify 3 --cloud ${cloud.name}`])
      },
    ),
    check(
      'rules',
      'Alerts and objectives are loaded',
      'No alert can fire.',
      [id('workloads')],
      async (context, client) => {
        const groups = await readRules(client)
        if (groups === simulated) return simulatedFinding('Prometheus')
        const loaded = new Map(groups.map(group => [group.name, group]))
        const wanted = await wantedGroups(context, cloud)
        const missing = wanted.filter(name => !loaded.has(name))
        if (missing.length > 0) return fail(`not loaded: ${missing.join(', ')}`, [again])
        const broken = groups
          .flatMap(group => group.rules)
          .filter(({ health }) => health === 'err')
          .map(({ name, lastError }) => `${name}: ${lastError}`)
        return broken.length === 0
          ? pass(
              `${groups.reduce((sum, group) => sum + group.rules.length, 0)} rules in ${groups.length} groups`,
            )
          : fail(listed(broken), [again])
      },
    ),
    check(
      'watchdog',
      'The dead man’s switch arrives',
      'Alerts fire, and nobody is told.',
      [id('rules')],
      async (context, client) => {
        const groups = await readRules(client)
        if (groups === simulated) return simulatedFinding('Prometheus')
        const fires = groups.some(({ rules }) =>
          rules.some(({ name, state }) => name === watchdog && state === 'firing'),
        )
        if (!fires) return fail(`${watchdog} does not fire in Prometheus`, [again])
        const arrived = await readAlerts(client)
        if (arrived === simulated) return simulatedFinding('Alertmanager')
        if (!arrived.includes(watchdog))
          return fail(`${watchdog} fires, and Alertmanager does not have it`, [again])
        const receivers = Object.keys(context.config.monitoring?.receivers ?? {})
        return receivers.length > 0
          ? pass(`${watchdog} fires and has arrived at Alertmanager; receivers: ${receivers.join(', ')}`)
          : {
              status: 'warn',
              detail: `${watchdog} has arrived at Alertmanager, which tells nobody: there are no receivers`,
              remedy: ['Name some in mlp.yaml: monitoring.receivers.'],
            }
      },
    ),
    check(
      'dashboards',
      'Grafana has the dashboards',
      'There is nothing to look at.',
      [id('workloads')],
      async (context, client) => {
        const password = secretValues(await client.get(grafanaRef))['admin-password']
        if (password === undefined) return fail('Grafana’s password is not in the cluster', [again])
        const uids = await readDashboardUids(client, password)
        if (uids === simulated) return simulatedFinding('Grafana')
        const missing = (await readDashboards(context)).filter(({ uid }) => !uids.includes(uid))
        return missing.length === 0
          ? pass(`${uids.length} dashboards`)
          : fail(`missing: ${missing.map(({ uid }) => uid).join(', ')}`, [again])
      },
    ),
  ]
}

async function isThere(client: KubeClient, object: Parameters<typeof refOf>[0]): Promise<boolean> {
  if ((await client.get(refOf(object))) !== undefined) return true
  // A manifest may leave the namespace of the release out.
  if (object.metadata.namespace !== undefined) return false
  return (await client.get({ ...refOf(object), namespace: monitoringNamespace })) !== undefined
}

async function wantedGroups(context: Context, cloud: Cloud): Promise<readonly string[]> {
  const rules = declarations.find(({ name }) => name === 'rules')
  return groupsOf((await rules?.objects(context, cloud.name)) ?? [])
}

/** `namespace/name` of every pod that a simulator plays. */
async function simulatedPods(client: KubeClient): Promise<ReadonlySet<string>> {
  const pods = await client.list({ apiVersion: 'v1', kind: 'Pod' })
  return new Set(
    pods
      .filter(pod => viewPod(pod).simulated)
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  )
}

function listed(lines: readonly string[]): string {
  const more = lines.length - named
  return lines.slice(0, named).join('\n') + (more > 0 ? `\nand ${more} more` : '')
}
