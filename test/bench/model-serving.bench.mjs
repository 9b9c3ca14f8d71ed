// model-serving beside a FastAPI server of the same model, and beside mlserver where it can be installed:
//   node test/bench/model-serving.bench.mjs [rounds] [seconds]
// Needs wrk (Debian's) and python3; the Python servers' packages go into virtual environments in the temporary folder.
// The servers take turns, so that a busy moment of the machine hits all of them; medians of the rounds are compared.
// Load generator and server share all processors, in every arm. A server is one process, a session one thread.
// Processor time for a request, where Linux tells it, hardly depends on what else the machine does.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const rounds = Number(process.argv[2] ?? 3)
const seconds = Number(process.argv[3] ?? 4)
const clientCounts = [1, 8, 64]
/** How many times FastAPI's throughput at least, by clients. */
const aims = { 1: 1.3, 64: 4 }
const here = join(import.meta.dirname, 'model-serving')
const service = join(import.meta.dirname, '../../services/model-serving')
const running = []
const folder = join(tmpdir(), 'mlp-serving-bench')
const model = join(service, 'models/digits/1/model.onnx')
/** As the image starts it: Node's options are part of what is measured. */
const nodeOptions = readFileSync(join(service, 'Dockerfile'), 'utf8')
  .match(/^ENTRYPOINT (\[.*\])$/m)
  .slice(1)
  .flatMap(entrypoint => JSON.parse(entrypoint).slice(1, -1))

mkdirSync(folder, { recursive: true })
if (spawnSync('wrk', ['-v']).error !== undefined) fail('wrk is missing: apt-get install wrk')
const fastapi = install('fastapi', 'requirements.txt')
const mlserver = install('mlserver', 'requirements-mlserver.txt')
if (fastapi === undefined) fail('the FastAPI server could not be installed')

const request = {
  inputs: [
    {
      name: 'pixels',
      datatype: 'FP32',
      shape: [1, 64],
      data: Array.from({ length: 64 }, (_, i) => (i * 7) % 17),
    },
  ],
}
writeFileSync(join(folder, 'body.json'), JSON.stringify(request))
writeFileSync(
  join(folder, 'post.lua'),
  `wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = io.open('${join(folder, 'body.json')}'):read('*a')\n`,
)
writeFileSync(
  join(folder, 'settings.json'),
  JSON.stringify({
    http_port: 18082,
    grpc_port: 18084,
    metrics_port: 18083,
    parallel_workers: 0,
    access_log: false,
    debug: false,
  }),
)
writeFileSync(
  join(folder, 'model-settings.json'),
  JSON.stringify({ name: 'digits', implementation: 'mlserver_model.Digits', parameters: { uri: model } }),
)

const servers = {
  'model-serving': {
    port: 18080,
    file: process.execPath,
    args: [...nodeOptions, join(service, 'src/main.ts')],
    env: { PORT: '18080', GRPC_PORT: '18085', LOG_LEVEL: 'warn', DRAIN_DELAY_MS: '0' },
  },
  FastAPI: {
    port: 18081,
    file: fastapi,
    args: [
      '-m',
      'uvicorn',
      'fastapi_server:app',
      '--loop',
      'uvloop',
      '--http',
      'httptools',
      '--no-access-log',
      '--log-level',
      'warning',
      '--port',
      '18081',
    ],
    env: { MODEL: model },
  },
  ...(mlserver === undefined
    ? {}
    : {
        mlserver: {
          port: 18082,
          file: mlserver,
          args: ['-c', 'from mlserver.cli import main; main()', 'start', folder],
          env: { PYTHONPATH: here },
        },
      }),
}

try {
  for (const [name, { port, file, args, env }] of Object.entries(servers)) {
    const child = spawn(file, args, {
      cwd: here,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    running.push(child)
    servers[name].pid = child.pid
    await answered(name, port)
  }
  const loadBefore = loadavg()[0]
  // Both runtimes' compilers get to work before anything is measured.
  for (const server of Object.values(servers)) load(server, 64, 3)

  const results = []
  for (const clients of clientCounts) {
    for (let round = 0; round < rounds; round++) {
      for (const [name, server] of Object.entries(servers)) {
        results.push({ name, clients, ...load(server, clients, seconds) })
      }
    }
  }
  report(results, loadBefore)
} finally {
  for (const child of running) {
    child.kill('SIGTERM')
    if (child.exitCode === null) await Promise.race([once(child, 'exit'), delay(10_000)])
    if (child.exitCode === null) child.kill('SIGKILL')
  }
}

/** @returns {string | undefined} a Python that has the packages */
function install(name, requirements) {
  const environment = join(folder, name)
  const done = join(environment, 'installed')
  if (!existsSync(done)) {
    const made = spawnSync('python3', ['-m', 'venv', environment])
    const pip = [join(environment, 'bin/pip'), 'install', '--quiet', '-r', join(here, requirements)]
    if (made.status !== 0 || spawnSync(pip[0], pip.slice(1), { stdio: ['ignore', 2, 2] }).status !== 0) {
      process.stdout.write(`${name}: not measured, for its packages could not be installed\n`)
      return undefined
    }
    writeFileSync(done, '')
  }
  return join(environment, 'bin/python')
}

/** Waits for the first right answer: the three give the same probabilities. */
async function answered(name, port) {
  const deadline = Date.now() + 120_000
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/v2/models/digits/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    }).catch(() => undefined)
    if (response?.ok) {
      const [output] = (await response.json()).outputs
      if (Math.abs(output.data[4] - 0.93593) > 1e-4) fail(`${name} gives another result`)
      return
    }
    if (Date.now() > deadline) fail(`${name} does not answer`)
    await delay(200)
  }
}

/** One run of wrk: requests a second, latencies in milliseconds, and what a request costs the server. */
function load({ port, pid }, clients, duration) {
  const url = `http://127.0.0.1:${port}/v2/models/digits/infer`
  const args = ['-t1', `-c${clients}`, `-d${duration}s`, '--latency', '-s', join(folder, 'post.lua'), url]
  const before = processorTimeUs(pid)
  const { stdout } = spawnSync('wrk', args, { encoding: 'utf8' })
  const usedUs = processorTimeUs(pid) - before
  if (/Non-2xx|Socket errors/.test(stdout)) fail(`errors at port ${port}:\n${stdout}`)
  const milliseconds = percent => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(stdout) ?? []
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit]
  }
  return {
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p50: milliseconds(50),
    p99: milliseconds(99),
    cpuUs: usedUs / Number(/(\d+) requests in/.exec(stdout)?.[1]),
  }
}

/** User and system time of all threads; Linux counts them in hundredths of a second. */
function processorTimeUs(pid) {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

function report(results, loadBefore) {
  const median = (name, clients, key) => {
    const values = results.filter(r => r.name === name && r.clients === clients).map(r => r[key])
    return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
  }
  process.stdout.write(
    `digits, one row a request, in JSON; ${rounds} rounds of ${seconds} s, medians; ${availableParallelism()} processors, ` +
      `load average ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after (this run's own included)\n`,
  )
  process.stdout.write(
    'clients  server          requests/s      p50 ms      p99 ms   times FastAPI   CPU us/request   FastAPI / it\n',
  )
  let isMet = true
  for (const clients of clientCounts) {
    for (const name of Object.keys(servers)) {
      const perSecond = median(name, clients, 'perSecond')
      const ratio = perSecond / median('FastAPI', clients, 'perSecond')
      const cells = [
        String(clients).padStart(7),
        name.padEnd(14),
        perSecond.toFixed(0).padStart(11),
        median(name, clients, 'p50').toFixed(2).padStart(11),
        median(name, clients, 'p99').toFixed(2).padStart(11),
        ratio.toFixed(2).padStart(15),
        median(name, clients, 'cpuUs').toFixed(0).padStart(16),
        (median('FastAPI', clients, 'cpuUs') / median(name, clients, 'cpuUs')).toFixed(2).padStart(14),
      ]
      process.stdout.write(`${cells.join(' ')}\n`)
      if (name !== 'model-serving') continue
      isMet &&= ratio >= (aims[clients] ?? 1)
      isMet &&= median(name, clients, 'p99') < median('FastAPI', clients, 'p99')
    }
  }
  process.stdout.write(
    `aim: ${aims[1]} times at one client, ${aims[64]} times at 64, p99 below FastAPI's: ${isMet ? 'met' : 'missed'}\n`,
  )
  process.exitCode = isMet ? 0 : 1
}

function fail(message) {
  for (const child of running) child.kill('SIGTERM')
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
