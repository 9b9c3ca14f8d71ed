// What a run costs that has nothing to do, beside terraform's plans run by hand, and how much of a run is mlp's own
// work: node test/bench/second-run.bench.mjs [rounds]
// One sandbox, started before anything is measured; then the arms take turns, so that a busy moment of the machine hits
// both. By hand means `terraform plan` of each cloud's two roots, one after the other, the three clouds side by side, as
// a person would. Phases 1 and 2 only: later ones have no counterpart by hand. The simulated clouds add no waiting of
// their own unless MLP_SANDBOX_TIME_SCALE says so (0.01 is what they add for a person).
//
// Two figures say what is mlp's own. The stricter one for the machine: the time in which mlp's event loop is active,
// over the wall time; it counts work that is done while tools run beside it. The one for whoever waits, orchestration:
// along the lane that ends last, from the start of the process to its end, the time that no tool and no request covers.
// A child process counts until its output has ended, a request until its answer has. Of requests and processes only
// the lane's own count: those of other clouds do not, but those of the shared record and of the sandbox's control socket
// do. Starting, thinking, files, timers between two polls, and waiting for another lane are all orchestration.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureSandbox, sandboxStatus } from '../../src/cli/sandbox-client.ts'
import { createPlayground } from '../support/mlp.ts'

const rounds = Number(process.argv[2] ?? 5)
const limits = { secondRun: 1.2, orchestration: 0.05 }
const run = promisify(execFile)
const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const seconds = ms => `${(ms / 1000).toFixed(1)} s`
const probes = await mkdtemp(join(tmpdir(), 'mlp-bench-'))
const probe = new URL('./activity-probe.mjs', import.meta.url).href

const clouds = ['aws', 'gcp', 'azure']
const bootstrap = ['bootstrap', '--to', '2', '--yes', '--json']

/** One run of mlp, timed, with what the probe saw and when each step ended. */
async function measured(playground, args = bootstrap) {
  const running = playground.start(args, { MLP_ACTIVITY_FOLDER: probes, NODE_OPTIONS: `--import ${probe}` })
  const finished = await running.finished
  if (finished.exitCode !== 0)
    throw new Error(`mlp ${args.join(' ')}: exit ${finished.exitCode}\n${finished.stderr}`)
  const probed = JSON.parse(await readFile(join(probes, `${running.child.pid}.json`), 'utf8'))
  const steps = running.events().filter(({ type }) => type === 'step-finished')
  return { ...probed, steps, wallMs: finished.durationMs }
}

/** Whose each host and port is, as the sandbox tells it. */
function lanesByHost(target, clusters) {
  const ofClouds = clouds.flatMap(cloud =>
    Object.values(target.clouds[cloud].endpoints).map(endpoint => [new URL(endpoint).host, cloud]),
  )
  return new Map([
    ...ofClouds,
    ...clusters.map(({ name, endpoint }) => [new URL(endpoint).host, name.split('/')[0]]),
  ])
}

/** `all` for what every lane shares, undefined for what is nobody's. */
function laneOf({ where }, hosts) {
  if (/^\S+\/terraform /.test(where)) return /-chdir=\S*\/(aws|gcp|azure)-/.exec(where)?.[1]
  const [host, path = ''] = where.split(' ')
  if (host.endsWith('.sock') || /\/mlp\/(lease\.json|state\.json|runs\/)/.test(path)) return 'all'
  return hosts.get(host)
}

/** Of the lane that ends last: its name, and the time that nothing outside covers. */
function orchestration(run, hosts) {
  const lane = run.steps.findLast(({ cloud }) => clouds.includes(cloud)).cloud
  const spans = run.spans
    .filter(span => ['all', lane].includes(laneOf(span, hosts)))
    .toSorted((a, b) => a.fromMs - b.fromMs)
  let uncoveredMs = 0
  let coveredUntilMs = 0
  for (const { fromMs, toMs } of spans) {
    uncoveredMs += Math.max(0, fromMs - coveredUntilMs)
    coveredUntilMs = Math.max(coveredUntilMs, toMs)
  }
  // The probe's clock starts with the process's own start, a few milliseconds after its parent asked for it.
  return { lane, ms: uncoveredMs + Math.max(0, run.wallMs - coveredUntilMs) }
}

/** The clouds side by side, the two roots of each in turn. */
async function plansByHand(folder, target) {
  const startedAt = performance.now()
  await Promise.all(
    ['aws', 'gcp', 'azure'].map(async cloud => {
      const env = { ...process.env, ...target.environment, ...target.clouds[cloud].environment }
      for (const root of ['foundation', 'cluster']) {
        const args = [`-chdir=${join(folder, 'terraform', `${cloud}-${root}`)}`, 'plan', '-input=false']
        const { stdout } = await run('terraform', args, { env, maxBuffer: 2 ** 26 })
        if (!/No changes/.test(stdout))
          throw new Error(`terraform plans changes in ${cloud}-${root}:\n${stdout}`)
      }
    }),
  )
  return performance.now() - startedAt
}

const playground = await createPlayground({
  MLP_SANDBOX_TIME_SCALE: process.env['MLP_SANDBOX_TIME_SCALE'] ?? '0',
})
try {
  const home = playground.env.MLP_SANDBOX_HOME
  const { exitCode, stderr } = await playground.mlp(['sandbox', 'start'])
  if (exitCode !== 0) throw new Error(`mlp sandbox start: exit ${exitCode}\n${stderr}`)
  const first = await measured(playground)
  const target = await ensureSandbox({ home, signal: AbortSignal.timeout(60_000), report: () => undefined })
  const hosts = lanesByHost(target, (await sandboxStatus(home)).clusters)
  const folder = join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev')
  const mlp = []
  const byHand = []
  for (let round = -1; round < rounds; round += 1) {
    const again = await measured(playground)
    const plans = await plansByHand(folder, target)
    // The first round warms both arms.
    if (round < 0) continue
    mlp.push(again)
    byHand.push(plans)
  }
  const secondMs = median(mlp.map(({ wallMs }) => wallMs))
  const plansMs = median(byHand)
  const ratio = secondMs / plansMs
  const share = orchestration(first, hosts).ms / first.wallMs
  const percent = (ms, run) => `${seconds(ms)}, ${((100 * ms) / run.wallMs).toFixed(1)} %`
  const own = run => [
    `  orchestration, no tool at work  ${percent(orchestration(run, hosts).ms, run)} (lane ${orchestration(run, hosts).lane})`,
    `  event loop active               ${percent(run.activeMs, run)}`,
    `  processor time of mlp alone     ${seconds(run.cpuMs)}`,
  ]
  const middle = mlp.find(({ wallMs }) => wallMs === secondMs)
  process.stdout.write(
    [
      `first bootstrap, engines cached   ${seconds(first.wallMs)} (orchestration at most ${100 * limits.orchestration} %)`,
      ...own(first),
      `second bootstrap, no change       ${seconds(secondMs)} (median of ${rounds}; below, that run)`,
      ...own(middle),
      `terraform plans by hand           ${seconds(plansMs)} (median of ${rounds})`,
      `second bootstrap / plans by hand  ${ratio.toFixed(2)} (at most ${limits.secondRun})`,
      '',
    ].join('\n'),
  )
  process.exitCode = ratio <= limits.secondRun && share <= limits.orchestration ? 0 : 1
} finally {
  await playground.dispose()
  await rm(probes, { recursive: true, force: true })
}
