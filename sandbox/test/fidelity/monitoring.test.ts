import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { isObtainable, program } from '../../../test/support/programs.ts'
import { canRunPods } from '../../src/workloads/supported.ts'
import { startTestCluster, type TestCluster } from '../workloads-fixture.ts'

/**
 * The images that kube-prometheus-stack 88.5.3 names, as its operator runs them: everything here is asked through the
 * API server, as an operator at a keyboard would.
 */
const images = {
  operator: 'quay.io/prometheus-operator/prometheus-operator:v0.93.1',
  reloader: 'quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1',
  prometheus: 'quay.io/prometheus/prometheus:v3.14.0-distroless',
  alertmanager: 'quay.io/prometheus/alertmanager:v0.34.0',
  certificates: 'ghcr.io/jkroepke/kube-webhook-certgen:1.8.7',
}
const programs = [
  'prometheus-operator',
  'prometheus-config-reloader',
  'alertmanager',
  'prometheus',
  'kubectl',
] as const

const namespace = 'monitoring'
/** A busy machine starts five programs and waits for the probes of each. */
const patience = 300_000

const supported =
  (await canRunPods()) && (await Promise.all(programs.map(isObtainable))).every(obtainable => obtainable)
if (!supported)
  process.stderr.write('SKIPPED: no namespaces or no Go on this machine, so Prometheus cannot run in pods\n')

let cluster: TestCluster
let folder: string

beforeAll(async () => {
  if (!supported) return
  folder = await mkdtemp(join(tmpdir(), 'mlp-monitoring-'))
  cluster = await startTestCluster()
  for (const name of programs) await program(name)
}, 2_400_000)
afterAll(async () => {
  await cluster?.close()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/** The operator's own, of the very module that it is built from. */
async function customResourceDefinitions(): Promise<readonly unknown[]> {
  const module = 'github.com/prometheus-operator/prometheus-operator'
  const cwd = join(import.meta.dirname, '../../../toolchain/go/prometheus-operator')
  const go = (...args: string[]) =>
    promisify(execFile)('go', args, { cwd, env: { ...process.env, GOFLAGS: '-mod=readonly' } })
  await go('mod', 'download', module)
  const { stdout } = await go('list', '-m', '-f', '{{.Dir}}', module)
  const crds = join(stdout.trim(), 'example', 'prometheus-operator-crd')
  const texts = await Promise.all((await readdir(crds)).map(name => readFile(join(crds, name), 'utf8')))
  return texts.map(text => parse(text))
}

const labels = { app: 'operator' }
const meta = (name: string, more: object = {}) => ({ name, namespace, ...more })
const administrator = (name: string) => [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(name) },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  },
]
const certificateJob = (name: string, args: readonly string[]) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: meta(name),
  spec: {
    template: {
      spec: {
        restartPolicy: 'OnFailure',
        serviceAccountName: 'operator',
        containers: [
          {
            name,
            image: images.certificates,
            args: [name, `--namespace=${namespace}`, '--secret-name=admission', ...args],
          },
        ],
      },
    },
  },
})
const volumeClaim = (size: string) => ({
  volumeClaimTemplate: {
    spec: {
      storageClassName: 'disks',
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
    },
  },
})

const operator = [
  ...administrator('operator'),
  certificateJob('create', ['--host=operator,operator.monitoring.svc']),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('operator'),
    spec: { selector: labels, ports: [{ name: 'https', port: 443, targetPort: 10250 }] },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: meta('operator'),
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'operator',
          securityContext: { runAsUser: 65534, runAsGroup: 65534, runAsNonRoot: true },
          volumes: [{ name: 'certificate', secret: { secretName: 'admission' } }],
          containers: [
            {
              name: 'operator',
              image: images.operator,
              args: [
                `--prometheus-config-reloader=${images.reloader}`,
                '--web.enable-tls=true',
                '--web.cert-file=/cert/cert',
                '--web.key-file=/cert/key',
                '--web.listen-address=:10250',
              ],
              ports: [{ name: 'https', containerPort: 10250 }],
              securityContext: { readOnlyRootFilesystem: true },
              readinessProbe: {
                httpGet: { path: '/healthz', port: 'https', scheme: 'HTTPS' },
                periodSeconds: 1,
              },
              volumeMounts: [{ name: 'certificate', mountPath: '/cert', readOnly: true }],
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'admission' },
    webhooks: [
      {
        name: 'prometheusrulevalidate.monitoring.coreos.com',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          service: { name: 'operator', namespace, path: '/admission-prometheusrules/validate' },
        },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        timeoutSeconds: 10,
        rules: [
          {
            apiGroups: ['monitoring.coreos.com'],
            apiVersions: ['*'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['prometheusrules'],
          },
        ],
      },
    ],
  },
]

const rule = (name: string, expr: string) => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: meta(name),
  spec: { groups: [{ name, rules: [{ alert: 'Watchdog', expr, labels: { severity: 'none' } }] }] },
})

const monitoring = [
  ...administrator('prometheus'),
  {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'Alertmanager',
    metadata: meta('main'),
    spec: { replicas: 1, image: images.alertmanager, version: 'v0.34.0', storage: volumeClaim('1Gi') },
  },
  {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'Prometheus',
    metadata: meta('main'),
    spec: {
      replicas: 1,
      image: images.prometheus,
      version: 'v3.14.0',
      serviceAccountName: 'prometheus',
      scrapeInterval: '1s',
      evaluationInterval: '1s',
      serviceMonitorSelector: {},
      ruleSelector: {},
      alerting: { alertmanagers: [{ namespace, name: 'alertmanager-operated', port: 'web' }] },
      storage: volumeClaim('1Gi'),
    },
  },
  {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'ServiceMonitor',
    metadata: meta('alertmanager'),
    spec: {
      selector: { matchLabels: { 'operated-alertmanager': 'true' } },
      endpoints: [{ port: 'web' }],
    },
  },
  rule('always', 'vector(1)'),
]

/** Asks again until it holds; says at the end what the last answer was, and what the pods were doing. */
async function until(
  what: string,
  ask: () => Promise<string>,
  holds: (answer: string) => boolean,
): Promise<string> {
  const deadline = Date.now() + patience
  for (;;) {
    const answer = await ask().catch((error: unknown) => String(error))
    if (holds(answer)) return answer
    if (Date.now() > deadline) {
      const look = (...args: string[]) => cluster.kubectl(...args, '-n', namespace).catch(String)
      const pods = await look('get', 'pods,pvc,jobs', '-o', 'wide')
      const events = await look('get', 'events', '--field-selector=type=Warning')
      const log = await look('logs', 'deploy/operator', '--tail=40')
      throw new Error(`${what} did not come true; the last answer was ${answer}\n${pods}\n${events}\n${log}`)
    }
    await new Promise(resolve => setTimeout(resolve, 500))
  }
}

/** Again until it is taken: an API server that has just been given ten kinds is busy with itself. */
const applyAll = async (objects: readonly unknown[]) => {
  for (const object of objects) {
    const attempt = () => cluster.admin.apply(object).then(() => 'applied')
    await until(`${JSON.stringify(object).slice(0, 200)} to be applied`, attempt, text => text === 'applied')
  }
}
const get = (service: string, path: string) =>
  cluster.kubectl('get', '--raw', `/api/v1/namespaces/${namespace}/services/${service}/proxy${path}`)
const readyReplicas = (what: string) => () =>
  cluster.kubectl('get', what, '-n', namespace, '-o', 'jsonpath={.status.readyReplicas}')

describe.runIf(supported)('Prometheus’ operator in a cluster of the sandbox', () => {
  test(
    'gets its certificate, runs, and has the API server refuse rules that do not parse',
    async () => {
      await applyAll([
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        ...(await customResourceDefinitions()),
      ])
      // An operator that finds a kind missing does without that kind for ever.
      await until(
        'all ten kinds to be served',
        () =>
          cluster.kubectl(
            'api-resources',
            '--api-group=monitoring.coreos.com',
            '-o',
            'name',
            '--cached=false',
          ),
        text => text.trim().split('\n').length === 10,
      )
      await applyAll(operator)
      await until('an operator that is ready', readyReplicas('deployment/operator'), text => text === '1')
      await applyAll([certificateJob('patch', ['--webhook-name=admission'])])
      await until(
        'a job that is done',
        () => cluster.kubectl('get', 'job/patch', '-n', namespace, '-o', 'jsonpath={.status.succeeded}'),
        text => text === '1',
      )
      const file = join(folder, 'broken.json')
      await writeFile(file, JSON.stringify(rule('broken', 'sum((')))
      await until(
        'a refusal in Prometheus’ words',
        () => cluster.kubectl('apply', '-f', file),
        text => text.includes('could not parse expression'),
      )
    },
    patience * 3,
  )

  test(
    'runs a Prometheus that scrapes, and an Alertmanager that is told, both with volumes of their own',
    async () => {
      await cluster.admin.call('POST', '/apis/storage.k8s.io/v1/storageclasses', {
        metadata: { name: 'disks' },
        provisioner: 'ebs.csi.aws.com',
        volumeBindingMode: 'WaitForFirstConsumer',
      })
      await applyAll(monitoring)
      await until('an Alertmanager', readyReplicas('statefulset/alertmanager-main'), text => text === '1')
      await until('a Prometheus', readyReplicas('statefulset/prometheus-main'), text => text === '1')
      const claims = await cluster.kubectl(
        'get',
        'pvc',
        '-n',
        namespace,
        '-o',
        'jsonpath={.items[*].status.phase}',
      )
      expect(claims).toBe('Bound Bound')

      const query = 'up{job="alertmanager-operated"}'
      const scraped = await until(
        'a target that is up',
        () => get('prometheus-operated:web', `/api/v1/query?query=${encodeURIComponent(query)}`),
        text => text.includes(',"1"]'),
      )
      expect(z.object({ status: z.string() }).parse(JSON.parse(scraped)).status).toBe('success')
      await until(
        'an alert that Alertmanager has received',
        () => get('alertmanager-operated:web', '/api/v2/alerts'),
        text => text.includes('"alertname":"Watchdog"'),
      )
    },
    patience * 5,
  )
})
