// What a run costs that has nothing to do, beside terraform's plans run by hand, and how much of a run is mlp's own
// work: node test/bench/second-run.bench.mjs [rounds]
// One sandbox, started before anything is measured; then the arms take turns, so that a busy moment of the machine hits
// both. By hand means `terraform plan` of each cloud's two roots, one after the other, the three clouds side by side, as
// a person would. Phases 1 and 2 only: later ones have no counterpart by hand. The simulated clouds add no waiting of
// their own unless MLP_SANDBOX_TIME_SCALE says so (0.01 is what they add for a person). Each arm's processor time is told
// beside its wall time: what the machine does besides changes the one little, and the other much.
//
// Two figures say what is mlp's own. The stricter one for the machine: the time in which mlp's event loop is active,
// over the wall time; it counts work that is done while tools run beside it. The one for whoever waits, orchestration:
// along the lane that ends last, from the start of the process to its end, the time that no tool and no request covers.
// A child process counts until its output has ended, a request until its answer has. Of requests and processes only
// the lane's own count: those of other clouds do not, but those of the shared record and of the sandbox's control socket
// do. Starting, thinking, files, timers between two polls, and waiting for another lane are all orchestration. Both are
// taken by a probe inside of mlp, in runs of their own: it costs time, which the arms are not to pay.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
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
const seconds = ms => `${(ms / 1000).toFixed(2)} s`
const probes = await mkdtemp(join(tmpdir(), 'mlp-bench-'))
const probe = new URL('./activity-probe.mjs', import.meta.url).href

const clouds = ['aws', 'gcp', 'azure']
const bootstrap = ['bootstrap', '--to', '2', '--yes', '--json']

/** Ends as the command does, and tells on standard error what it and all that it waited for took of the processor. */
const counted = ['sh', '-c', '"$@"; code=$?; times >&2; exit $code', 'counted']

/** From what `times` of a POSIX shell says of its children, last. */
function processorMs(stderr) {
  const [, ...parts] = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/.exec(stderr) ?? []
  if (parts.length === 0) throw new Error(`no processor time in:\n${stderr}`)
  const [userMinutes, user, systemMinutes, system] = parts.map(Number)
  return 1000 * (60 * (userMinutes + systemMinutes) + user + system)
}

async function succeeded(running) {
  const finished = await running.finished
  if (finished.exitCode !== 0) throw new Error(`mlp: exit ${finished.exitCode}\n${finished.stderr}`)
  return finished
}

/** One run of mlp as people start it. */
async function plain(playground, args = bootstrap) {
  const { durationMs, stderr } = await succeeded(playground.start(args, {}, { wrapper: counted }))
  return { wallMs: durationMs, cpuMs: processorMs(stderr) }
}

/** One run of mlp with what the probe saw and when each step ended. */
async function measured(playground, args = bootstrap) {
  const running = playground.start(args, { MLP_ACTIVITY_FOLDER: probes, NODE_OPTIONS: `--import ${probe}` })
  const finished = await succeeded(running)
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

/** Of the lane that ends last: its name, the time that nothing outside covers, and the longest pieces of it. */
function orchestration(run, hosts) {
  const lane = run.steps.findLast(({ cloud }) => clouds.includes(cloud)).cloud
  const spans = run.spans
    .filter(span => ['all', lane].includes(laneOf(span, hosts)))
    .toSorted((a, b) => a.fromMs - b.fromMs)
  // The probe's clock starts with the process's own start, a few milliseconds after its parent asked for it.
  const end = { fromMs: run.wallMs, toMs: run.wallMs, where: 'the end' }
  const gaps = []
  let coveredUntilMs = 0
  for (const { fromMs, toMs, where } of [...spans, end]) {
    if (fromMs > coveredUntilMs) gaps.push({ ms: fromMs - coveredUntilMs, before: where })
    coveredUntilMs = Math.max(coveredUntilMs, toMs)
  }
  const ms = gaps.reduce((sum, gap) => sum + gap.ms, 0)
  return { lane, ms, longest: gaps.toSorted((a, b) => b.ms - a.ms).slice(0, 6) }
}

/** A request or a command in few words: only its end tells it from others. */
function short(where) {
  return where.length > 60 ? `…${where.slice(-60)}` : where
}

/** The clouds side by side, the two roots of each in turn. */
async function plansByHand(folder, target) {
  const startedAt = performance.now()
  let cpuMs = 0
  await Promise.all(
    clouds.map(async cloud => {
      const env = { ...process.env, ...target.environment, ...target.clouds[cloud].environment }
      for (const root of ['foundation', 'cluster']) {
        const args = [`-chdir=${join(folder, 'terraform', `${cloud}-${root}`)}`, 'plan', '-input=false']
        const [shell, ...rest] = [...counted, 'terraform', ...args]
        const { stdout, stderr } = await run(shell, rest, { env, maxBuffer: 2 ** 26 })
        cpuMs += processorMs(stderr)
        if (!/No changes/.test(stdout))
          throw new Error(`terraform plans changes in ${cloud}-${root}:\n${stdout}`)
      }
    }),
  )
  return { wallMs: performance.now() - startedAt, cpuMs }
}

/** What the sandbox's processes have taken of the processor so far, by /proc (proc_pid_stat(5)); 0 on other systems. */
function sandboxMs({ pid, processes }) {
  if (process.platform !== 'linux') return 0
  const ticks = [pid, ...processes.map(one => one.pid)].map(each => {
    const stat = readFileSync(`/proc/${each}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return 10 * ticks.reduce((sum, each) => sum + each, 0)
}

/** An arm's run, with what the sandbox took of the processor meanwhile. */
async function withSandbox(home, arm) {
  const status = await sandboxStatus(home)
  const before = sandboxMs(status)
  const taken = await arm()
  return { ...taken, sandboxMs: sandboxMs(status) - before }
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
    const again = await withSandbox(home, () => plain(playground))
    const plans = await withSandbox(home, () => plansByHand(folder, target))
    // The first round warms both arms.
    if (round < 0) continue
    mlp.push(again)
    byHand.push(plans)
  }
  const probed = await measured(playground)
  const medianOf = (arm, what) => median(arm.map(run => run[what]))
  const ratio = medianOf(mlp, 'wallMs') / medianOf(byHand, 'wallMs')
  const told = arm =>
    `${seconds(medianOf(arm, 'wallMs'))} (processor ${seconds(medianOf(arm, 'cpuMs'))}, and the sandbox's ${seconds(medianOf(arm, 'sandboxMs'))}; medians of ${rounds})`
  const share = orchestration(first, hosts).ms / first.wallMs
  const percent = (ms, run) => `${seconds(ms)}, ${((100 * ms) / run.wallMs).toFixed(1)} %`
  const own = run => [
    `  orchestration, no tool at work  ${percent(orchestration(run, hosts).ms, run)} (lane ${orchestration(run, hosts).lane})`,
    `  event loop active               ${percent(run.activeMs, run)}`,
    `  processor time of mlp alone     ${seconds(run.cpuMs)}`,
  ]
  process.stdout.write(
    [
      `first bootstrap, engines cached   ${seconds(first.wallMs)} (orchestration at most ${100 * limits.orchestration} %)`,
      ...own(first),
      ...orchestration(first, hosts).longest.map(
        ({ ms, before }) => `    ${seconds(ms)} before ${short(before)}`,
      ),
      `second bootstrap, no change       ${told(mlp)}`,
      `terraform plans by hand           ${told(byHand)}`,
      `second bootstrap / plans by hand  ${ratio.toFixed(2)} (at most ${limits.secondRun})`,
      `once more, with the probe         ${seconds(probed.wallMs)}`,
      ...own(probed),
      '',
    ].join('\n'),
  )
  process.exitCode = ratio <= limits.secondRun && share <= limits.orchestration ? 0 : 1
} finally {
  await playground.dispose()
  await rm(probes, { recursive: true, force: true })
}
