import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { eventually } from '../../test/support/processes.ts'
import { canRunPods } from '../src/workloads/supported.ts'
import { buildImage } from './image-fixture.ts'
import { startTestCluster, type TestCluster } from './workloads-fixture.ts'

const namespace = '/api/v1/namespaces/default'

/** A server whose behaviour its environment and its requests decide. */
const program = `
import { createServer } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { lookup } from 'node:dns/promises'
console.log('started as', process.getuid(), 'with', process.env.GREETING)
if (process.env.CRASH) { console.log('crashing'); process.exit(Number(process.env.CRASH)) }
let ready = process.env.READY !== 'no'
process.on('SIGTERM', () => { console.log('asked to end'); setTimeout(() => process.exit(0), Number(process.env.LINGER ?? 0)) })
const tried = path => { try { writeFileSync(path, ''); return 'written' } catch (error) { return error.code } }
const answers = {
  '/env': () => process.env,
  '/file': url => readFileSync(url.searchParams.get('path'), 'utf8'),
  '/root': () => tried('/app/new'),
  '/tmp': () => tried('/tmp/new'),
  '/fetch': async url => (await fetch(url.searchParams.get('url'))).text(),
  '/lookup': async url => lookup(url.searchParams.get('name')),
  '/ready': (_url, response) => { if (!ready) response.statusCode = 503; return ready },
  '/unready': () => { ready = false; return 'unready' },
  '/exit': () => process.exit(3),
}
createServer(async (request, response) => {
  const url = new URL(request.url, 'http://pod')
  const answer = answers[url.pathname]
  const body = answer ? await Promise.resolve(answer(url, response)).catch(error => String(error.cause ?? error)) : 'hello from ' + process.env.HOSTNAME
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}).listen(8080)
`

let cluster: TestCluster
let image: string

const supported = await canRunPods()
if (!supported)
  process.stderr.write('SKIPPED: this machine allows no namespaces to its users, so no pod can run here\n')

beforeAll(async () => {
  if (!supported) return
  cluster = await startTestCluster()
  image = await cluster.push(
    await buildImage({
      files: { 'app/server.mjs': program, 'etc/passwd': 'app:x:65532:65532::/:/none\n' },
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
  return eventually(`${name} to be ${what}`, async () => {
    const now = await pod(name)
    return now !== undefined && holds(now) ? now : undefined
  }).catch(async error => {
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
  const socket = await cluster.agent().dial(address, 8080)
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
})
