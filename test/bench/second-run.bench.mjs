// What a run costs that has nothing to do, beside terraform's plans run by hand, and how much of a run is mlp's own
// work: node test/bench/second-run.bench.mjs [rounds]
// One sandbox, built once; then the arms take turns, so that a busy moment of the machine hits both. By hand means
// `terraform plan` of each cloud's two roots, one after the other, the three clouds side by side, as a person would.
// The share of orchestration is the time in which mlp's event loop is active, over the wall time of the run: the rest
// is waiting for terraform, the clouds and the clusters.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureSandbox } from '../../src/cli/sandbox-client.ts'
import { createPlayground } from '../support/mlp.ts'

const rounds = Number(process.argv[2] ?? 5)
const limits = { secondRun: 1.2, orchestration: 0.05 }
const run = promisify(execFile)
const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const seconds = ms => `${(ms / 1000).toFixed(1)} s`
const probes = await mkdtemp(join(tmpdir(), 'mlp-bench-'))
const probe = new URL('./activity-probe.mjs', import.meta.url).href

/** One run of mlp, timed, with the time in which its event loop was active. */
async function measured(playground, args) {
  const running = playground.start(args, { MLP_ACTIVITY_FOLDER: probes, NODE_OPTIONS: `--import ${probe}` })
  const finished = await running.finished
  if (finished.exitCode !== 0)
    throw new Error(`mlp ${args.join(' ')}: exit ${finished.exitCode}\n${finished.stderr}`)
  const { activeMs } = JSON.parse(await readFile(join(probes, `${running.child.pid}.json`), 'utf8'))
  return { wallMs: finished.durationMs, activeMs }
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

const playground = await createPlayground()
try {
  const first = await measured(playground, ['bootstrap', '--yes', '--quiet'])
  const target = await ensureSandbox({
    home: playground.env.MLP_SANDBOX_HOME,
    signal: AbortSignal.timeout(60_000),
    report: () => undefined,
  })
  const folder = join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev')
  const mlp = []
  const byHand = []
  for (let round = -1; round < rounds; round += 1) {
    const again = await measured(playground, ['bootstrap', '--yes', '--quiet'])
    const plans = await plansByHand(folder, target)
    // The first round warms both arms.
    if (round < 0) continue
    mlp.push(again)
    byHand.push(plans)
  }
  const secondMs = median(mlp.map(({ wallMs }) => wallMs))
  const plansMs = median(byHand)
  const ratio = secondMs / plansMs
  const share = first.activeMs / first.wallMs
  process.stdout.write(
    [
      `first bootstrap, engines cached   ${seconds(first.wallMs)}`,
      `  of it mlp's own work            ${seconds(first.activeMs)}, ${(100 * share).toFixed(1)} % (at most ${100 * limits.orchestration} %)`,
      `second bootstrap, no change       ${seconds(secondMs)} (median of ${rounds})`,
      `  of it mlp's own work            ${seconds(median(mlp.map(({ activeMs }) => activeMs)))}`,
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
