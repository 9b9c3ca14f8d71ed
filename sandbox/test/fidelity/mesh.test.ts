import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { eventually } from '../../../test/support/processes.ts'
import { isObtainable, program } from '../../../test/support/programs.ts'
import { canRedirect } from '../../src/workloads/network/redirect.ts'
import { canRunPods } from '../../src/workloads/supported.ts'
import { buildImage } from '../image-fixture.ts'
import { startTestCluster, type TestCluster } from '../workloads-fixture.ts'

/** Answers with what it was asked with; a proxy that was authenticated adds who the client is. */
const server = `
import { createServer } from 'node:http'
createServer((request, response) => response.end('client: ' + (request.headers['x-forwarded-client-cert'] ?? 'nobody')))
  .listen(8080)`
const fetching = (url: string) =>
  `fetch('${url}').then(async response => { console.log(response.status, await response.text()); process.exitCode = response.ok ? 0 : 3 })
    .catch(error => { console.log(String(error.cause)); process.exitCode = 3 })`

const needs = [
  ['namespaces for pods', await canRunPods()],
  ['iptables', await canRedirect()],
  ...(await Promise.all(
    (['istioctl', 'pilot-discovery', 'pilot-agent', 'envoy'] as const).map(
      async tool => [tool, await isObtainable(tool)] as const,
    ),
  )),
] as const
const missing = needs.filter(([, has]) => !has).map(([what]) => what)
if (missing.length > 0)
  process.stderr.write(`SKIPPED: no mesh can run on this machine, which lacks ${missing.join(', ')}\n`)

const patienceMs = 300_000
let cluster: TestCluster

async function istioctl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    await program('istioctl'),
    ['--kubeconfig', cluster.kubeconfig, ...args],
    { timeout: patienceMs },
  )
  return stdout
}

const web = (image: string) => [
  {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'apps', labels: { 'istio-injection': 'enabled' } },
  },
  {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default', namespace: 'istio-system' },
    spec: { mtls: { mode: 'STRICT' } },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'apps', labels: { app: 'web' } },
    spec: {
      containers: [
        {
          ...{ name: 'web', image, ports: [{ containerPort: 8080 }] },
          readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1, timeoutSeconds: 5 },
        },
      ],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'apps' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  },
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'Gateway',
    metadata: { name: 'web', namespace: 'apps' },
    spec: {
      selector: { istio: 'ingressgateway' },
      servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
    },
  },
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'web', namespace: 'apps' },
    spec: {
      ...{ hosts: ['*'], gateways: ['web'] },
      http: [{ route: [{ destination: { host: 'web', port: { number: 80 } } }] }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'outsider', namespace: 'default' },
    spec: { containers: [{ name: 'outsider', image }] },
  },
]

let image = ''

beforeAll(async () => {
  if (missing.length > 0) return
  cluster = await startTestCluster()
  image = await cluster.push(
    await buildImage({
      files: { 'app/server.mjs': server, 'etc/passwd': 'app:x:65532:65532::/:/none\n' },
      withNode: true,
      config: {
        Entrypoint: ['/bin/node'],
        Cmd: ['/app/server.mjs'],
        User: '65532:65532',
        Env: ['PATH=/bin'],
      },
    }),
  )
  await istioctl(
    ...['install', '--skip-confirmation', '--readiness-timeout', '5m'],
    ...['--set', 'hub=docker.io/istio', '--set', 'tag=1.31.0', '--set', 'components.cni.enabled=true'],
  )
  for (const object of web(image)) {
    let last: unknown
    await eventually(
      `${object.kind} ${object.metadata.name} to be taken`,
      async () => {
        last = await cluster.admin.apply(object).catch((error: unknown) => error)
        return last === undefined ? true : undefined
      },
      patienceMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${String(last)}`)
    })
  }
  // Programs that no machine has had yet are built first, which takes minutes.
}, 2_400_000)
afterAll(() => cluster?.close(), 120_000)

const podSchema = z.looseObject({
  status: z.looseObject({
    phase: z.string(),
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    containerStatuses: z.array(z.looseObject({ state: z.looseObject({}) })).default([]),
    initContainerStatuses: z.array(z.looseObject({ name: z.string(), state: z.looseObject({}) })).default([]),
  }),
})
const listSchema = z.looseObject({ items: z.array(podSchema) })

async function podsOf(namespace: string, selector: string) {
  const answer = await cluster.admin.call(
    'GET',
    `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`,
  )
  return listSchema.parse(answer).items
}

const isReady = ({ status }: z.infer<typeof podSchema>) =>
  status.conditions.some(({ type, status: holds }) => type === 'Ready' && holds === 'True')

async function readyPods(namespace: string, selector: string) {
  return eventually(
    `pods ${selector} to be ready`,
    async () => {
      const pods = await podsOf(namespace, selector)
      return pods.length > 0 && pods.every(isReady) ? pods : undefined
    },
    patienceMs,
  ).catch(async (error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(await podsOf(namespace, selector))}`)
  })
}

/** What istioctl prints, once it is as expected: a proxy may be connecting anew just now. */
async function istioctlSays(args: readonly string[], ...expected: readonly RegExp[]): Promise<void> {
  let last = ''
  await eventually(
    `istioctl ${args.join(' ')} to say ${expected.join(' and ')}`,
    async () => {
      last = await istioctl(...args).catch(String)
      return expected.every(pattern => pattern.test(last)) ? true : undefined
    },
    patienceMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it said last: ${last}`)
  })
}

/** What node prints in a container, once it is as expected. */
async function says(pod: readonly string[], url: string, expected: RegExp): Promise<string> {
  let last = ''
  return eventually(
    `${pod.join(' ')} to get ${expected} from ${url}`,
    async () => {
      last = await cluster
        .kubectl('exec', ...pod, '--', '/bin/node', '-e', fetching(url))
        .catch((error: unknown) =>
          String(z.looseObject({ stdout: z.string() }).safeParse(error).data?.stdout),
        )
      return expected.test(last) ? last : undefined
    },
    patienceMs,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it got last: ${last}`)
  })
}

describe.skipIf(missing.length > 0)('Istio as istioctl installs it', { timeout: patienceMs * 2 }, () => {
  test('runs: istiod and the gateway are processes, and ready', async () => {
    for (const selector of ['app=istiod', 'istio=ingressgateway']) {
      const [pod, ...more] = await readyPods('istio-system', selector)
      expect(more).toEqual([])
      expect(pod?.status.conditions.map(({ type }) => type)).not.toContain('mlp.dev/simulated')
    }
  })

  test('injects sidecars that redirect a pod’s traffic', async () => {
    const [pod] = await readyPods('apps', 'app=web')
    expect(pod?.status.initContainerStatuses).toMatchObject([
      { name: 'istio-validation', state: { terminated: { exitCode: 0 } } },
      { name: 'istio-proxy', state: { running: {} } },
    ])
  })

  test('lets only the mesh in: a pod outside of it is refused, one inside is known by name', async () => {
    await says(['outsider'], 'http://web.apps', /ECONNRESET|other side closed/)
    const inside = await says(
      ['web', '--namespace', 'apps', '--container', 'web'],
      'http://web.apps',
      /^200 /,
    )
    expect(inside).toContain('URI=spiffe://cluster.local/ns/apps/sa/default')
  })

  test('answers at the load balancer of its gateway', async () => {
    const host = await cluster.kubectl(
      ...['get', 'service', 'istio-ingressgateway', '--namespace', 'istio-system'],
      ...['--output', 'jsonpath={.status.loadBalancer.ingress[0].hostname}'],
    )
    expect(host).toMatch(/^a[0-9a-f-]+\.elb\.us-east-1\.amazonaws\.com$/)
    const answer = await says(['outsider'], `http://${host}/`, /^200 /)
    expect(answer).toContain('sa/istio-ingressgateway-service-account')
  })

  test('lets Jobs finish, their sidecar with them', async () => {
    await cluster.admin.call('POST', '/apis/batch/v1/namespaces/apps/jobs', {
      metadata: { name: 'once' },
      spec: {
        template: {
          spec: {
            restartPolicy: 'OnFailure',
            containers: [{ name: 'once', image, command: ['/bin/node', '-e', fetching('http://web')] }],
          },
        },
      },
    })
    await cluster.kubectl(
      ...['wait', '--for=condition=Complete', 'job/once', '--namespace', 'apps', '--timeout', '300s'],
    )
    const log = await cluster.kubectl('logs', 'job/once', '--namespace', 'apps', '--container', 'once')
    expect(log).toContain('sa/default')
  })

  test('lets an init container fetch a model from inside the mesh, where nobody else is answered', async () => {
    const fetched = `fetch('http://web.apps').then(async response => {
      if (!response.ok) throw new Error(String(response.status))
      require('node:fs').writeFileSync('/models/model', await response.text())
    }).catch(error => { console.log(String(error.cause ?? error)); process.exitCode = 3 })`
    const volumeMounts = [{ name: 'models', mountPath: '/models' }]
    await cluster.admin.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'serving', namespace: 'apps', labels: { app: 'serving' } },
      spec: {
        volumes: [{ name: 'models', emptyDir: {} }],
        initContainers: [{ name: 'model', image, command: ['/bin/node', '-e', fetched], volumeMounts }],
        containers: [{ name: 'serving', image, volumeMounts }],
      },
    })
    const [pod] = await readyPods('apps', 'app=serving')
    // The proxy comes before what needs it, and goes on.
    expect(pod?.status.initContainerStatuses).toMatchObject([
      { name: 'istio-validation', state: { terminated: { exitCode: 0 } } },
      { name: 'istio-proxy', state: { running: {} } },
      { name: 'model', state: { terminated: { exitCode: 0 } } },
    ])
    const model = await cluster.kubectl(
      ...['exec', 'serving', '--namespace', 'apps', '--container', 'serving', '--', '/bin/node', '-e'],
      `console.log(require('node:fs').readFileSync('/models/model', 'utf8'))`,
    )
    expect(model).toContain('URI=spiffe://cluster.local/ns/apps/sa/default')
  })

  test('is let in by the restricted Pod Security level, enforced: a sidecar asks for no right', async () => {
    const namespace = 'restricted'
    await cluster.admin.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'istio-injection': 'enabled', 'pod-security.kubernetes.io/enforce': 'restricted' },
      },
    })
    const pod = (name: string, more: object, ofContainer: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app: name } },
      spec: { ...more, containers: [{ name, image, ...ofContainer }] },
    })
    await eventually(
      'the namespace to have its service account',
      async () =>
        (await cluster.admin
          .call('GET', `/api/v1/namespaces/${namespace}/serviceaccounts/default`)
          .catch(() => undefined)) === undefined
          ? undefined
          : true,
      patienceMs,
    )
    await expect(cluster.admin.apply(pod('careless', {}, {}))).rejects.toThrow(/violates PodSecurity/)
    await cluster.admin.apply(
      pod(
        'careful',
        { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } },
        { securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } },
      ),
    )
    const [careful] = await readyPods(namespace, 'app=careful')
    expect(careful?.status.initContainerStatuses).toMatchObject([
      { name: 'istio-validation', state: { terminated: { exitCode: 0 } } },
      { name: 'istio-proxy', state: { running: {} } },
    ])
    const from = ['careful', '--namespace', namespace, '--container', 'careful']
    expect(await says(from, 'http://web.apps', /^200 /)).toContain('/ns/restricted/sa/default')
  })

  test('is seen whole by istioctl', async () => {
    await istioctlSays(['proxy-status'], /^istio-ingressgateway-\S+\.istio-system\s/m, /^web\.apps\s/m)
    await istioctlSays(['remote-clusters'], /^Kubernetes\s+synced\s/m)
    await istioctlSays(['proxy-config', 'listeners', 'web.apps'], /15006/)
  })
})
