import type { Cloud } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { Finding } from '../../engine/check.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { fail, pass, simulatedFinding } from '../findings.ts'
import type { PlatformCheck } from '../phase.ts'
import { askSet, simulated } from './api.ts'
import { fleetName } from './fleet.ts'
import { prometheus } from './names.ts'

/** As the chart's own alert has it (PrometheusRemoteWriteBehind). */
const mostSecondsBehind = 120

/** Only where mlp.yaml names a place to which metrics are sent. */
export function fleetChecks({ monitoring }: Config, cloud: Cloud): readonly PlatformCheck[] {
  const fleet = monitoring?.fleet
  if (fleet === undefined) return []
  return [
    clusterCheck(5, cloud.name)(
      'fleet',
      'Metrics arrive where all clusters are seen',
      'This cluster is missing from the view over all of them.',
      [`5.${cloud.name}.workloads`],
      async (_context, client) => {
        const metrics = await askSet(client, prometheus, 9090, '/metrics')
        return metrics === simulated
          ? simulatedFinding('Prometheus')
          : sendingOf(metrics, new URL(fleet.url).host)
      },
    ),
  ]
}

/** What Prometheus's own metrics say of its sending. */
export function sendingOf(metrics: string, host: string): Finding {
  const value = (name: string) => {
    const line = new RegExp(
      `^prometheus_remote_storage_${name}\\{[^}]*remote_name="${fleetName}"[^}]*\\} (\\S+)$`,
      'm',
    )
    return Number(line.exec(metrics)?.[1] ?? 0)
  }
  const remedy = [
    'Its log says why: kubectl --namespace monitoring logs statefulset/prometheus-prometheus-kube-prometheus-prometheus --container prometheus',
    'See url, username and secret of `monitoring.fleet` in mlp.yaml, and whether the cluster’s nodes reach the url.',
  ]
  const [read, sent] = [
    value('queue_highest_timestamp_seconds'),
    value('queue_highest_sent_timestamp_seconds'),
  ]
  const lost = value('samples_failed_total')
  const losses = lost === 0 ? '' : `; ${lost} samples were refused`
  if (sent === 0) return fail(`nothing has been sent to ${host} yet${losses}`, remedy)
  const behind = Math.round(read - sent)
  const detail = `${value('samples_total')} samples sent to ${host}, ${behind} s behind${losses}`
  return behind > mostSecondsBehind ? fail(detail, remedy) : pass(detail)
}
