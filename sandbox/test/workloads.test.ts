import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { askPod } from '../../src/kube/port-forward.ts'
import { eventually } from '../../test/support/processes.ts'
import { program } from '../../test/support/programs.ts'
import { limitMemory } from '../src/workloads/memory-limit.ts'
import { buildImage } from './image-fixture.ts'
import { canTestPods, startTestCluster, type TestCluster } from './workloads-fixture.ts'

const namespace = '/api/v1/namespaces/default'

/** A server whose behaviour its environment and its requests decide. */
const server = `
import { createServer, get } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { lookup } from 'node:dns/promises'
import { createSocket } from 'node:dgram'
import { createServer as createHttp2 } from 'node:http2'
console.log('started as', process.getuid(), 'with', process.env.GREETING)
if (process.env.CRASH) { console.log('crashing'); process.exit(Number(process.env.CRASH)) }
let ready = process.env.READY !== 'no'
process.on('SIGTERM', () => { console.log('asked to end'); setTimeout(() => process.exit(0), Number(process.env.LINGER ?? 0)) })
const tried = path => { try { writeFileSync(path, ''); return 'written' } catch (error) { return error.code } }
const answers = {
  '/env': () => process.env,
  '/file': async url => readFileSync(url.searchParams.get('path'), 'utf8'),
  '/root': () => tried('/app/new'),
  '/tmp': () => tried('/tmp/new'),
  // A connection each: one that is kept would outlive the readiness of what it leads to.
  '/fetch': url => new Promise((resolve, reject) => {
    get(url.searchParams.get('url'), { agent: false }, async response => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve(text)
    }).on('error', reject)
  }),
  '/lookup': async url => lookup(url.searchParams.get('name')),
  '/ready': (_url, response) => { if (!ready) response.statusCode = 503; return ready },
  '/unready': () => { ready = false; return 'unready' },
  '/exit': () => process.exit(3),
  '/udp': url => new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.on('message', message => { socket.close(); resolve(String(message)) })
    socket.on('error', reject)
    socket.send('ping', 53, url.searchParams.get('host'))
    setTimeout(() => resolve('nothing'), 2000).unref()
  }),
  '/serving': url => { serving = url.searchParams.get('is') === 'true'; return 'ok' },
}
const udp = createSocket('udp4')
udp.on('message', (message, from) => udp.send(message + ' of ' + process.env.HOSTNAME, from.port, from.address))
udp.bind(5353)
// The health of gRPC's own protocol.
let serving = true
createHttp2().on('stream', stream => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving ? 1 : 2]))
}).listen(9090)
createServer(async (request, response) => {
  const url = new URL(request.url, 'http://pod')
  const answer = answers[url.pathname]
  const body = answer ? await Promise.resolve(answer(url, response)).catch(error => String(error.cause ?? error)) : 'hello from ' + process.env.HOSTNAME
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}).listen(8080)
`

let cluster: TestCluster
let image: string

const supported = await canTestPods()

beforeAll(async () => {
  if (!supported) return
  cluster = await startTestCluster()
  image = await cluster.push(
    await buildImage({
      files: { 'app/server.mjs': server, 'etc/passwd': 'app:x:65532:65532::/:/none\n' },
      withNode: true,
      config: {
        Entrypoint: ['/bin/node'],
        Cmd: ['/app/server.mjs'],
        User: '65532:65532',
        WorkingDir: '/app',
        Env: ['PATH=/bin', 'GREETING=image'],
      },
    }),
  )
})
afterAll(() => cluster?.close())

const podSchema = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  status: z.looseObject({
    phase: z.string(),
    podIP: z.string().optional(),
    conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    containerStatuses: z
      .array(
        z.looseObject({
          ready: z.boolean(),
          restartCount: z.int(),
          imageID: z.string(),
          state: z.looseObject({}),
          lastState: z.looseObject({}).default({}),
        }),
      )
      .default([]),
  }),
})
type PodView = z.output<typeof podSchema>

const container = (more: object = {}) => ({
  name: 'web',
  image,
  ports: [{ name: 'http', containerPort: 8080 }],
  securityContext: { readOnlyRootFilesystem: true },
  readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1 },
  ...more,
})

async function run(
  name: string,
  more: object = {},
  ofContainer: object = {},
  labels: object = {},
): Promise<void> {
  await cluster.admin.call('POST', `${namespace}/pods`, {
    metadata: { name, labels },
    spec: { terminationGracePeriodSeconds: 2, containers: [container(ofContainer)], ...more },
  })
}

async function pod(name: string): Promise<PodView | undefined> {
  const answer = await cluster.admin.send('GET', `${namespace}/pods/${name}`)
  return answer.status === 404 ? undefined : podSchema.parse(answer.body)
}

function until(name: string, what: string, holds: (pod: PodView) => boolean): Promise<PodView> {
  const ask = async () => {
    const now = await pod(name)
    return now !== undefined && holds(now) ? now : undefined
  }
  // Half a minute passed on a busy machine before a container had begun.
  return eventually(`${name} to be ${what}`, ask, 100_000).catch(async error => {
    throw new Error(`${error.message}: ${JSON.stringify((await pod(name))?.status)}`)
  })
}

const isReady = (one: PodView) =>
  one.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
const ready = (name: string) => until(name, 'ready', isReady)
const state = (one: PodView) => one.status.containerStatuses[0]?.state ?? {}
const waitsFor = (reason: string) => (one: PodView) => JSON.stringify(state(one)).includes(`"${reason}"`)

/** What a pod answers to the node. */
async function ask(name: string, path: string): Promise<string> {
  const address = (await pod(name))?.status.podIP ?? ''
  const socket = await cluster.dial(address, 8080)
  socket.write(`GET ${path} HTTP/1.0\r\n\r\n`)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8').split('\r\n\r\n').slice(1).join('')
}

async function events(name: string): Promise<string> {
  const list = await cluster.admin.call(
    'GET',
    `${namespace}/events?fieldSelector=involvedObject.name=${name}`,
  )
  return JSON.stringify(list)
}

describe.runIf(supported)('pods of images in the sandbox’s registries', () => {
  test('run as the image says, and answer at their addresses', async () => {
    await run('plain')
    const one = await ready('plain')
    expect(one.status).toMatchObject({
      phase: 'Running',
      podIP: expect.stringMatching(/^10\.128\./),
      containerStatuses: [{ ready: true, restartCount: 0, imageID: image }],
    })
    expect(await ask('plain', '/')).toBe('hello from plain')
    expect(await ask('plain', '/root')).toBe('EROFS')
    expect(JSON.parse(await ask('plain', '/env'))).toMatchObject({ GREETING: 'image', HOSTNAME: 'plain' })
    for (const reason of ['Pulled', 'Created', 'Started']) expect(await events('plain')).toContain(reason)
  })

  test('wait with the registry’s words when the nodes may not pull, and start when they may', async () => {
    cluster.allowPulls(false)
    await run('refused')
    const waiting = await until('refused', 'backing off', waitsFor('ImagePullBackOff'))
    expect(JSON.stringify(state(waiting))).toContain('not authorized to perform: ecr:BatchGetImage')
    cluster.allowPulls(true)
    await ready('refused')
  })

  test('crash, back off and keep their last exit code', async () => {
    await run('crashing', {}, { env: [{ name: 'CRASH', value: '7' }] })
    const crashed = await until(
      'crashing',
      'backing off',
      one => waitsFor('CrashLoopBackOff')(one) && (one.status.containerStatuses[0]?.restartCount ?? 0) > 1,
    )
    expect(crashed.status).toMatchObject({
      phase: 'Running',
      containerStatuses: [{ lastState: { terminated: { exitCode: 7, reason: 'Error' } } }],
    })
  })

  test('are reached by Service name and address from other pods, and only while they are ready', async () => {
    await run('server', {}, {}, { app: 'server' })
    await cluster.admin.call('POST', `${namespace}/services`, {
      metadata: { name: 'server' },
      spec: { selector: { app: 'server' }, ports: [{ port: 80, targetPort: 'http' }] },
    })
    await ready('server')
    await ready('plain')
    const byName = () => ask('plain', `/fetch?url=${encodeURIComponent('http://server/')}`)
    await eventually('an answer by name', async () =>
      (await byName()) === 'hello from server' ? true : undefined,
    )
    const lookup = await ask('plain', '/lookup?name=server.default.svc.cluster.local')
    const { address } = z.object({ address: z.ipv4() }).parse(JSON.parse(lookup))
    expect(await ask('plain', `/fetch?url=${encodeURIComponent(`http://${address}/`)}`)).toBe(
      'hello from server',
    )
    expect(await ask('plain', '/lookup?name=no-such.default.svc.cluster.local')).toContain('ENOTFOUND')

    await ask('server', '/unready')
    await until('server', 'not ready', one => !isReady(one))
    expect(await events('server')).toContain('Readiness probe failed: HTTP probe failed with statuscode: 503')
    await eventually('a refused connection', async () =>
      (await byName()).includes('ECONN') ? true : undefined,
    )
  })

  test('get environment and volumes from ConfigMaps, Secrets, themselves and their service account', async () => {
    const fromKey = (kind: string, name: string, key: string) => ({ [`${kind}KeyRef`]: { name, key } })
    await run(
      'configured',
      {
        volumes: [
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'scratch', emptyDir: {} },
          {
            name: 'identity',
            projected: { sources: [{ serviceAccountToken: { audience: 'sts.example', path: 'token' } }] },
          },
        ],
      },
      {
        env: [
          { name: 'COLOUR', valueFrom: fromKey('configMap', 'settings', 'colour') },
          { name: 'PASSWORD', valueFrom: fromKey('secret', 'secret', 'password') },
          { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'MEMORY', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
          { name: 'SENTENCE', value: 'it is $(COLOUR), $$(COLOUR) and $(UNKNOWN)' },
        ],
        resources: { limits: { memory: '64Mi' } },
        volumeMounts: [
          { name: 'settings', mountPath: '/etc/settings' },
          { name: 'scratch', mountPath: '/tmp' },
          { name: 'identity', mountPath: '/var/run/secrets/identity' },
        ],
      },
    )
    await eventually('an event', async () =>
      (await events('configured')).includes('configmap \\"settings\\" not found') ? true : undefined,
    )
    await cluster.admin.call('POST', `${namespace}/configmaps`, {
      metadata: { name: 'settings' },
      data: { colour: 'green' },
    })
    await until('configured', 'missing its Secret', waitsFor('CreateContainerConfigError'))
    await cluster.admin.call('POST', `${namespace}/secrets`, {
      metadata: { name: 'secret' },
      stringData: { password: 'open sesame' },
    })
    const one = await ready('configured')
    expect(JSON.parse(await ask('configured', '/env'))).toMatchObject({
      COLOUR: 'green',
      PASSWORD: 'open sesame',
      POD_IP: one.status.podIP,
      MEMORY: '64',
      SENTENCE: 'it is green, $(COLOUR) and $(UNKNOWN)',
    })
    expect(await ask('configured', '/file?path=/etc/settings/colour')).toBe('green')
    expect(await ask('configured', '/tmp')).toBe('written')
    const token = await ask('configured', '/file?path=/var/run/secrets/identity/token')
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    expect(claims).toMatchObject({ aud: ['sts.example'], sub: 'system:serviceaccount:default:default' })
  })

  test('keep what they write to a claimed volume beyond their own end, until the claim goes', async () => {
    await cluster.admin.call('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      metadata: { name: 'disks' },
      provisioner: 'ebs.csi.aws.com',
      volumeBindingMode: 'WaitForFirstConsumer',
    })
    const claim = (name: string, storageClassName: string) =>
      cluster.admin.call('POST', `${namespace}/persistentvolumeclaims`, {
        metadata: { name },
        spec: {
          storageClassName,
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
        },
      })
    await claim('data', 'disks')
    const holder = (name: string) =>
      run(
        name,
        { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
        { volumeMounts: [{ name: 'data', mountPath: '/tmp', subPath: 'db' }] },
      )
    await holder('writer')
    await ready('writer')
    expect(await ask('writer', '/file?path=/tmp/new')).toContain('ENOENT')
    expect(await ask('writer', '/tmp')).toBe('written')
    await cluster.admin.call('DELETE', `${namespace}/pods/writer`)
    await eventually('the writer to be gone', async () =>
      (await pod('writer')) === undefined ? true : undefined,
    )
    await holder('reader')
    await ready('reader')
    expect(await ask('reader', '/file?path=/tmp/new')).toBe('')

    const volumes = async () =>
      z
        .object({
          items: z.array(
            z.object({
              metadata: z.object({ annotations: z.record(z.string(), z.string()) }),
              spec: z.object({ hostPath: z.object({ path: z.string() }) }),
            }),
          ),
        })
        .parse(await cluster.admin.call('GET', '/api/v1/persistentvolumes')).items
    const [volume, ...others] = await volumes()
    expect(others).toEqual([])
    expect(volume?.metadata.annotations['mlp.dev/simulated']).toContain('in place of a disk')
    const path = volume?.spec.hostPath.path ?? ''
    expect(await readdir(path)).toEqual(['db'])
    await cluster.admin.call('DELETE', `${namespace}/pods/reader`)
    await cluster.admin.call('DELETE', `${namespace}/persistentvolumeclaims/data`)
    await eventually('the volume to be gone', async () => ((await volumes()).length === 0 ? true : undefined))
    await expect(readdir(path)).rejects.toThrow('ENOENT')
  })

  test('run init containers in order, and Jobs to their end', async () => {
    const step = (name: string, code: string) => ({
      name,
      image,
      args: ['-e', code],
      securityContext: { readOnlyRootFilesystem: true },
      volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
    })
    await cluster.admin.call('POST', '/apis/batch/v1/namespaces/default/jobs', {
      metadata: { name: 'steps' },
      spec: {
        backoffLimit: 0,
        template: {
          metadata: { labels: { job: 'steps' } },
          spec: {
            restartPolicy: 'Never',
            volumes: [{ name: 'shared', emptyDir: {} }],
            initContainers: [step('first', 'require("fs").writeFileSync("/shared/x", "1")')],
            containers: [
              step('second', 'console.log("found", require("fs").readFileSync("/shared/x", "utf8"))'),
            ],
          },
        },
      },
    })
    // What has no image of the sandbox's own is only played, and says so.
    await cluster.admin.call('POST', `${namespace}/pods`, {
      metadata: { name: 'played' },
      spec: { containers: [{ name: 'other', image: 'docker.io/library/nginx:1' }] },
    })
    await eventually('an event of a played pod', async () =>
      (await events('played')).includes('"Simulated"') ? true : undefined,
    )
    await eventually('the job to complete', async () => {
      const job = await cluster.admin.call('GET', '/apis/batch/v1/namespaces/default/jobs/steps')
      return (
        z.looseObject({ status: z.looseObject({ succeeded: z.literal(1) }) }).safeParse(job).success ||
        undefined
      )
    })
  })

  test('show their logs, forward ports and run commands for kubectl', async () => {
    await ready('plain')
    expect(await kubectl('logs', 'plain')).toBe('started as 65532 with image\n')
    expect(await kubectl('logs', 'crashing', '--previous', '--tail=1')).toBe('crashing\n')
    expect(await kubectl('exec', 'plain', '--', '/bin/node', '-p', 'process.getuid() + process.cwd()')).toBe(
      '65532/app\n',
    )
    expect(await kubectl('exec', 'plain', '--', '/bin/node', '-p', 'process.env.GREETING')).toBe('image\n')
    await expect(kubectl('exec', 'plain', '--', '/bin/node', '-e', 'process.exit(4)')).rejects.toMatchObject({
      code: 4,
    })
    expect(await throughPortForward('plain', '/')).toBe('hello from plain')
    const { access } = cluster
    const answer = await askPod(
      {
        label: { cloud: 'aws', cluster: access.name, endpoint: access.endpoint },
        access,
        token: async () => cluster.token(),
        signal: AbortSignal.timeout(30_000),
      },
      { namespace: 'default', pod: 'plain', port: 8080 },
      { path: '/' },
    )
    expect(answer).toEqual({ status: 200, text: 'hello from plain' })
  })

  test('tell when each line was printed, and the lines since a time', async () => {
    const line = (await kubectl('logs', 'plain', '--timestamps')).trim()
    const [, time = ''] = /^(\S+Z) started as 65532 with image$/.exec(line) ?? []
    const startedAt = z
      .looseObject({ running: z.looseObject({ startedAt: z.string() }) })
      .parse(state((await pod('plain')) ?? podSchema.parse({}))).running.startedAt
    expect(Math.abs(Date.parse(time) - Date.parse(startedAt))).toBeLessThan(60_000)
    const at = (ms: number) => new Date(Date.parse(time) + ms).toISOString()
    expect(await kubectl('logs', 'plain', `--since-time=${at(-1000)}`)).toContain('started as')
    expect(await kubectl('logs', 'plain', `--since-time=${at(2000)}`)).toBe('')
  })

  test('give commands a terminal of the client’s size', async () => {
    const code = 'console.log([process.stdin.isTTY, process.stdout.columns].join()); process.exit(5)'
    const args = ['--kubeconfig', cluster.kubeconfig, 'exec', '-it', 'plain', '--', '/bin/node', '-e']
    const { spawn: spawnInTerminal } = await import('@lydell/node-pty')
    const shown = await new Promise<{ text: string; exitCode: number }>((resolve, reject) => {
      program('kubectl').then(file => {
        const terminal = spawnInTerminal(file, [...args, `setTimeout(() => { ${code} }, 300)`], {
          cols: 132,
          rows: 43,
        })
        let text = ''
        terminal.onData(data => {
          text += data
        })
        terminal.onExit(({ exitCode }) => resolve({ text, exitCode }))
      }, reject)
    })
    expect(shown).toEqual({ text: expect.stringContaining('true,132'), exitCode: 5 })
  })

  test('are reached by UDP through Services, and asked for their health by gRPC', async () => {
    await run(
      'health',
      {},
      { readinessProbe: { grpc: { port: 9090 }, periodSeconds: 1, failureThreshold: 1 } },
      { app: 'health' },
    )
    await ready('health')
    await cluster.admin.call('POST', `${namespace}/services`, {
      metadata: { name: 'echo' },
      spec: { selector: { app: 'health' }, ports: [{ port: 53, targetPort: 5353, protocol: 'UDP' }] },
    })
    await eventually('an echo', async () =>
      (await ask('plain', '/udp?host=echo.default.svc.cluster.local')) === 'ping of health'
        ? true
        : undefined,
    )
    await ask('health', '/serving?is=false')
    await until('health', 'not ready', one => !isReady(one))
    expect(await events('health')).toContain('NOT_SERVING')
  })

  test('whose processes are killed start again, with the exit code of a kill', async () => {
    await run('killed', {}, { name: 'web' })
    const restarts = (one: PodView) => one.status.containerStatuses[0]?.restartCount ?? 0
    await ready('killed')
    const record = async () => {
      const uid = z
        .looseObject({ metadata: z.looseObject({ uid: z.string() }) })
        .parse(await cluster.admin.call('GET', `${namespace}/pods/killed`)).metadata.uid
      const file = join(cluster.home, 'workloads/aws/ml-platform-dev/pods', uid, 'pod.json')
      const known = z
        .looseObject({
          containers: z.object({ web: z.looseObject({ process: z.object({ pid: z.int() }) }) }),
        })
        .parse(JSON.parse(await readFile(file, 'utf8')))
      return known.containers.web.process.pid
    }
    // The container's own first process, then who waits for it.
    const keeper = await record()
    const children = await readFile(`/proc/${keeper}/task/${keeper}/children`, 'utf8')
    process.kill(Number(children.trim().split(' ')[0]), 'SIGKILL')
    const once = await until('killed', 'restarted', one => restarts(one) === 1 && isReady(one))
    expect(once.status.containerStatuses[0]?.lastState).toMatchObject({ terminated: { exitCode: 137 } })
    process.kill(await record(), 'SIGKILL')
    await until('killed', 'restarted again', one => restarts(one) === 2 && isReady(one))
    expect(await ask('killed', '/')).toBe('hello from killed')
  })

  test('end as OOMKilled when they take more memory than they may, where the machine lets it be limited', async context => {
    const probe = await limitMemory('a trial', 1 << 20)
    await probe?.remove()
    if (probe === undefined)
      return context.skip('this user may make no memory cgroups: limits are not enforced')
    await run(
      'greedy',
      { restartPolicy: 'Never' },
      {
        args: ['-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 24, 1))'],
        readinessProbe: undefined,
        resources: { limits: { memory: '96Mi' } },
      },
    )
    const ended = await until('greedy', 'over', one => one.status.phase === 'Failed')
    expect(state(ended)).toMatchObject({ terminated: { exitCode: 137, reason: 'OOMKilled' } })
  })

  test('are asked to end, waited for, and ended when they do not', async () => {
    await run('polite', {}, { env: [{ name: 'LINGER', value: '300' }] })
    await run('stubborn', { terminationGracePeriodSeconds: 1 }, { env: [{ name: 'LINGER', value: '60000' }] })
    await ready('polite')
    await ready('stubborn')
    const follower = spawn(await program('kubectl'), [
      ...['--kubeconfig', cluster.kubeconfig, 'logs', '--follow', 'polite'],
    ])
    let log = ''
    for (const stream of [follower.stdout, follower.stderr])
      stream.on('data', (chunk: Buffer) => {
        log += chunk.toString()
      })
    const followed = once(follower, 'close')
    // It is connected once it has what was printed before; only then may the pod go.
    await eventually('the first line of its log', async () => (log.includes('started as') ? true : undefined))
    for (const name of ['polite', 'stubborn']) await cluster.admin.call('DELETE', `${namespace}/pods/${name}`)
    const begun = performance.now()
    await eventually('the polite one to go', async () =>
      (await pod('polite')) === undefined ? true : undefined,
    )
    await followed
    expect(log).toContain('asked to end')
    await eventually('the other to go', async () =>
      (await pod('stubborn')) === undefined ? true : undefined,
    )
    expect(performance.now() - begun).toBeGreaterThan(1000)
  })

  test('go on when the daemon is replaced, and what went meanwhile goes', async () => {
    await ready('plain')
    const before = await pod('plain')
    await cluster.replaceDaemon(async () => {
      await cluster.admin.call('DELETE', `${namespace}/pods/server?gracePeriodSeconds=0`)
    })
    expect(await ask('plain', '/')).toBe('hello from plain')
    // Ends by itself: the new daemon sees that.
    await ask('plain', '/exit').catch(() => '')
    const again = await until(
      'plain',
      'restarted',
      one => one.status.containerStatuses[0]?.restartCount === 1 && isReady(one),
    )
    expect(again.status).toMatchObject({
      podIP: before?.status.podIP,
      containerStatuses: [{ lastState: { terminated: { exitCode: 3 } } }],
    })
  })

  test('come back when their network is killed, and Services with what forwards them', async () => {
    await run('other', {}, {}, { app: 'server' })
    await ready('other')
    const viaService = () => ask('plain', `/fetch?url=${encodeURIComponent('http://server/')}`)
    const answered = (without: string) =>
      eventually(`an answer without the killed ${without}`, () =>
        viaService().then(
          text => (text === 'hello from other' ? true : undefined),
          () => undefined,
        ),
      )
    const kill = (part: string) =>
      process.kill(cluster.processId(`workloads/aws/ml-platform-dev/${part}`), 'SIGKILL')
    kill('services')
    await answered('services')
    // What still runs keeps the old namespaces for a moment, so pods answer until they are started again.
    kill('network')
    await eventually('another network', async () =>
      (await events('plain')).includes('SandboxChanged') ? true : undefined,
    )
    await answered('network')
  })

  test('come back after everything was killed', async () => {
    const restarts = (one: PodView | undefined) => one?.status.containerStatuses[0]?.restartCount ?? 0
    const before = restarts(await ready('plain'))
    for (const pid of cluster.processIds()) process.kill(pid, 'SIGKILL')
    await cluster.replaceDaemon()
    await until('plain', 'restarted', one => restarts(one) > before && isReady(one))
    expect(await ask('plain', '/')).toBe('hello from plain')
  })

  test('leave nothing when their cluster goes', async () => {
    await cluster.destroy()
    expect(await containersOf(cluster.home)).toEqual([])
    await expect(stat(join(cluster.home, 'workloads', 'aws', 'ml-platform-dev'))).rejects.toThrow('ENOENT')
  })
})

/** Processes whose root lies below the sandbox: every container, and nothing else. */
async function containersOf(home: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const roots = await Promise.all(pids.map(pid => readlink(`/proc/${pid}/root`).catch(() => '')))
  return roots.filter(root => root.startsWith(home))
}

async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(await program('kubectl'), [
    '--kubeconfig',
    cluster.kubeconfig,
    ...args,
  ])
  return stdout
}

async function throughPortForward(name: string, path: string): Promise<string> {
  const child = spawn(
    await program('kubectl'),
    ['--kubeconfig', cluster.kubeconfig, 'port-forward', `pod/${name}`, ':8080'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    let printed = ''
    child.stdout.on('data', chunk => {
      printed += String(chunk)
    })
    const port = await eventually('kubectl to listen', () => /127\.0\.0\.1:(\d+)/.exec(printed)?.[1])
    return await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  } finally {
    child.kill()
  }
}
