import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { defaultSandboxConfig } from '../../../../src/config/defaults.ts'
import type { KubeObject } from '../../../../src/kube/objects.ts'
import { declarations } from '../../../../src/phases/8-readiness/declarations.ts'
import { readinessPhase } from '../../../../src/phases/8-readiness/index.ts'
import type { RenderContext } from '../../../../src/phases/phase.ts'
import { isAllowed, type Peer, type Pod } from '../../../support/network-policy.ts'

/*
 * Who may speak to whom, as a table: each pair is judged by the rendered policies as Kubernetes says they mean. That a
 * cluster's network enforces them is not shown here, and cannot be on the sandbox, whose nodes are played.
 */
const config = defaultSandboxConfig('dev')
const policies = await policiesOf('aws')

async function policiesOf(cloud: 'aws' | 'gcp' | 'azure'): Promise<readonly KubeObject[]> {
  const declaration = declarations.find(({ name }) => name === 'network-policies')
  const context = {
    config,
    templates: fileURLToPath(new URL('../../../../templates', import.meta.url)),
  } as RenderContext
  return (await declaration?.objects(context, cloud)) ?? []
}

const pod = (namespace: string, labels: Readonly<Record<string, string>>): Pod => ({ namespace, labels })
const named = (namespace: string, name: string) => pod(namespace, { 'app.kubernetes.io/name': name })
const peers = {
  gateway: pod('ml-platform', { app: 'api-gateway' }),
  serving: pod('ml-serving', { app: 'model-serving' }),
  sync: pod('ml-platform', { app: 'data-sync' }),
  users: pod('ml-platform', { app: 'database-users' }),
  mlflow: pod('ml-platform', { app: 'mlflow' }),
  other: pod('ml-platform', { app: 'somebody-else' }),
  ingress: pod('istio-system', { istio: 'ingressgateway' }),
  eastWest: pod('istio-system', { istio: 'eastwestgateway' }),
  istiod: pod('istio-system', { app: 'istiod' }),
  names: pod('kube-system', { 'k8s-app': 'kube-dns' }),
  prometheus: named('monitoring', 'prometheus'),
  alertmanager: named('monitoring', 'alertmanager'),
  grafana: named('monitoring', 'grafana'),
  state: named('monitoring', 'kube-state-metrics'),
  operator: pod('monitoring', { app: 'kube-prometheus-stack-operator' }),
  collector: named('monitoring', 'otel-collector'),
  agent: named('monitoring', 'otel-agent'),
  logs: named('monitoring', 'victoria-logs'),
  traces: named('monitoring', 'jaeger'),
  visitor: named('monitoring', 'somebody-else'),
  stranger: pod('default', { app: 'stranger' }),
  database: { address: '10.0.200.10' },
  internet: { address: '203.0.113.7' },
  metadata: { address: '169.254.169.254' },
  node: { address: '10.0.1.5' },
  apiServer: { address: '10.0.2.9' },
} as const satisfies Readonly<Record<string, Peer>>
type Name = keyof typeof peers

interface Row {
  readonly from: Name
  readonly to: Name
  readonly port: number
  readonly protocol: 'TCP' | 'UDP'
}
const table = (rows: readonly (readonly [Name, Name, number, 'UDP'?])[]): readonly Row[] =>
  rows.map(([from, to, port, protocol]) => ({ from, to, port, protocol: protocol ?? ('TCP' as const) }))
const passes = (objects: readonly KubeObject[], { from, to, port, protocol }: Row) =>
  isAllowed(objects, { from: peers[from], to: peers[to], port, protocol })

const allowed = table([
  ['ingress', 'gateway', 8000],
  ['eastWest', 'gateway', 8000],
  ['gateway', 'serving', 8080],
  ['gateway', 'serving', 8081],
  ['eastWest', 'serving', 8080],
  ['gateway', 'database', 6379],
  ['gateway', 'database', 6378],
  ['gateway', 'database', 10000],
  ['gateway', 'internet', 443],
  ['serving', 'mlflow', 5000],
  ['eastWest', 'mlflow', 5000],
  ['serving', 'internet', 443],
  ['serving', 'metadata', 80],
  ['sync', 'database', 5432],
  ['sync', 'internet', 443],
  ['sync', 'metadata', 80],
  ['users', 'database', 5432],
  ['mlflow', 'database', 5432],
  ['mlflow', 'internet', 443],
  ['gateway', 'istiod', 15012],
  ['serving', 'istiod', 15012],
  ['serving', 'internet', 15443],
  ['gateway', 'names', 53, 'UDP'],
  ['serving', 'names', 53],
  ['prometheus', 'gateway', 15020],
  ['prometheus', 'serving', 15090],
  ['prometheus', 'sync', 15020],
  ['prometheus', 'istiod', 15014],
  ['prometheus', 'state', 8080],
  ['prometheus', 'grafana', 3000],
  ['prometheus', 'alertmanager', 9093],
  ['prometheus', 'node', 9100],
  ['prometheus', 'node', 10250],
  ['prometheus', 'names', 9153],
  ['prometheus', 'apiServer', 443],
  ['grafana', 'prometheus', 9090],
  ['grafana', 'alertmanager', 9093],
  ['gateway', 'collector', 4318],
  ['serving', 'collector', 4318],
  ['sync', 'collector', 4318],
  ['collector', 'traces', 4318],
  ['agent', 'logs', 9428],
  ['grafana', 'logs', 9428],
  ['grafana', 'traces', 16686],
  ['prometheus', 'collector', 8888],
  ['prometheus', 'agent', 8888],
  ['prometheus', 'logs', 9428],
  ['prometheus', 'traces', 8888],
  ['alertmanager', 'internet', 443],
  ['alertmanager', 'internet', 587],
  ['state', 'apiServer', 443],
  ['apiServer', 'operator', 10250],
])

const denied = table([
  // Nobody gets in from elsewhere.
  ['stranger', 'gateway', 8000],
  ['stranger', 'serving', 8080],
  ['stranger', 'mlflow', 5000],
  ['stranger', 'prometheus', 9090],
  ['stranger', 'alertmanager', 9093],
  ['stranger', 'collector', 4318],
  ['stranger', 'visitor', 8080],
  ['gateway', 'logs', 9428],
  ['gateway', 'traces', 4318],
  ['agent', 'traces', 4318],
  ['internet', 'gateway', 8000],
  ['internet', 'serving', 8080],
  // Nor around the front door, within the platform.
  ['ingress', 'serving', 8080],
  ['ingress', 'sync', 8081],
  ['ingress', 'mlflow', 5000],
  ['other', 'serving', 8080],
  ['sync', 'serving', 8080],
  ['sync', 'mlflow', 5000],
  ['gateway', 'sync', 8081],
  ['gateway', 'mlflow', 5000],
  ['serving', 'gateway', 8000],
  ['serving', 'sync', 8081],
  // Each only its own data.
  ['gateway', 'database', 5432],
  ['serving', 'database', 5432],
  ['serving', 'database', 6379],
  ['sync', 'database', 6379],
  ['mlflow', 'database', 6379],
  ['other', 'database', 5432],
  // Out by what is named only.
  ['gateway', 'internet', 80],
  ['gateway', 'internet', 22],
  ['gateway', 'metadata', 80],
  ['other', 'internet', 443],
  ['other', 'metadata', 80],
  ['sync', 'internet', 5432],
  ['serving', 'node', 10250],
  ['grafana', 'gateway', 8000],
  ['grafana', 'internet', 80],
  ['prometheus', 'gateway', 8000],
  ['prometheus', 'internet', 9100],
  ['alertmanager', 'prometheus', 9090],
  ['state', 'prometheus', 9090],
  ['gateway', 'prometheus', 9090],
  ['gateway', 'internet', 53, 'UDP'],
])

describe('who may speak to whom', () => {
  test.each(allowed)('$from may reach $to on $port', row => {
    expect(passes(policies, row)).toBe(true)
  })

  test.each(denied)('$from may not reach $to on $port', row => {
    expect(passes(policies, row)).toBe(false)
  })

  test('without the policies all of it would be let through: the table can fail', () => {
    for (const row of denied) expect(passes([], row), `${row.from} ${row.to} ${row.port}`).toBe(true)
  })

  test('each policy is needed: without it the table does not hold', () => {
    const needless = policies.filter(policy => {
      const others = policies.filter(each => each !== policy)
      return allowed.every(row => passes(others, row)) && !denied.some(row => passes(others, row))
    })
    // The pods of these two are isolated by `in-the-mesh`, too; they stay for the day on which that one is changed.
    expect(needless.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
      'ml-platform/default-deny',
      'ml-serving/default-deny',
    ])
  })

  test.each(['aws', 'gcp', 'azure'] as const)('%s: the network is that of mlp.yaml', async cloud => {
    const text = JSON.stringify(await policiesOf(cloud))
    expect(text).toContain(config.clouds[cloud]?.network.cidr)
    expect(text).not.toContain('192.0.2.0')
  })

  test('phase 8 makes them', () => {
    expect(readinessPhase.steps(config).map(({ id }) => id)).toContain('8.aws.network-policies')
  })
})
