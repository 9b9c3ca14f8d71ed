import type { CloudName } from '../../clouds/cloud.ts'
import type { StepId } from '../../engine/step.ts'

/** The guide's: `helm upgrade --install prometheus … --namespace monitoring`. */
export const releaseName = 'prometheus'
export const monitoringNamespace = 'monitoring'
export const chartName = 'kube-prometheus-stack'

export const grafanaSecret = 'grafana-admin'
export const receiversSecret = 'alert-receivers'
export const fleetSecret = 'remote-write'

/** As the chart names what it makes for a release called prometheus. */
const deployment = (name: string) =>
  ({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace: monitoringNamespace }) as const
const statefulSet = (name: string) =>
  ({ apiVersion: 'apps/v1', kind: 'StatefulSet', name, namespace: monitoringNamespace }) as const

export const operator = deployment('prometheus-kube-prometheus-operator')
export const grafana = deployment('prometheus-grafana')
export const deployments = [operator, grafana, deployment('prometheus-kube-state-metrics')] as const
/** Made by the operator, once it runs, from the Prometheus and the Alertmanager of the chart. */
export const prometheus = statefulSet('prometheus-prometheus-kube-prometheus-prometheus')
export const alertmanager = statefulSet('alertmanager-prometheus-kube-prometheus-alertmanager')
export const victoriaLogs = statefulSet('victoria-logs')
export const jaeger = statefulSet('jaeger')
export const statefulSets = [prometheus, alertmanager] as const
export const nodeExporter = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  name: 'prometheus-prometheus-node-exporter',
  namespace: monitoringNamespace,
} as const

export function stackStepId(cloud: CloudName): StepId {
  return `5.${cloud}.stack`
}

export function secretsStepId(cloud: CloudName): StepId {
  return `5.${cloud}.secrets`
}
