// What `mlp verify` takes with 30 clusters beside 3: node test/bench/verify.bench.mjs [latency in ms] [rounds]
// The checks' own list of one cloud, as often as there are clusters, run by the engine itself; what a cloud or a cluster
// takes to answer is simulated. 3 and 30 take turns; medians are compared.
import { setTimeout as delay } from 'node:timers/promises'
import { createClouds } from '../../src/cli/clouds.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { runChecks } from '../../src/engine/run-checks.ts'
import { phases } from '../../src/phases/index.ts'

const latencyMs = Number(process.argv[2] ?? 200)
const rounds = Number(process.argv[3] ?? 5)
const limit = 2

const config = defaultSandboxConfig()
const target = { name: 'cloud', environment: {}, caFile: undefined, clouds: {} }
const clouds = await createClouds(config, target, ['aws'])
const own = phases.flatMap(phase => phase.checks(config, clouds)).filter(({ cloud }) => cloud === 'aws')

/** @param {number} clusters */
function checksOf(clusters) {
  return Array.from({ length: clusters }, (_, index) => {
    const named = id => id.replace('.aws.', `.c${index}.`)
    return own.map(({ id, after = [], ...check }) => ({
      ...check,
      id: named(id),
      cloud: `c${index}`,
      after: after.filter(each => own.some(other => other.id === each)).map(named),
      run: async () => {
        await delay(latencyMs)
        return { status: 'pass', detail: '' }
      },
    }))
  }).flat()
}

const times = { 3: [], 30: [] }
const context = { signal: new AbortController().signal, emit: () => undefined, outputs: () => undefined }
for (let round = 0; round < rounds; round++) {
  for (const clusters of [3, 30]) {
    const startedAt = performance.now()
    const rows = await runChecks(checksOf(clusters), context)
    if (rows.some(({ status }) => status !== 'pass')) throw new Error('a check of the benchmark did not pass')
    times[clusters].push(performance.now() - startedAt)
  }
}
const median = all => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)]
const [few, many] = [median(times[3]), median(times[30])]
process.stdout.write(
  `${own.length} checks a cluster, ${latencyMs} ms each (simulated), medians of ${rounds}\n` +
    ` 3 clusters  ${few.toFixed(0)} ms\n30 clusters  ${many.toFixed(0)} ms\n` +
    `30 over 3    ${(many / few).toFixed(2)} (at most ${limit})\n`,
)
process.exitCode = many / few < limit ? 0 : 1
