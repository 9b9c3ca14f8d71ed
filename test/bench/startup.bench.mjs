// How long `mlp --help` takes beside a bare Node and beside terraform: node test/bench/startup.bench.mjs [repetitions]
// The three take turns, so that a busy moment of the machine hits all of them; medians are compared.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { devNull } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const repetitions = Number(process.argv[2] ?? 30)
const limit = 1.4
if (!existsSync(join(root, 'dist', 'mlp.js'))) {
  process.stderr.write('dist/ is missing: run `npm run build` first\n')
  process.exit(2)
}

const programs = {
  'node -e 0': [process.execPath, '-e', '0'],
  'mlp --help': [process.execPath, join(root, 'bin', 'mlp.js'), '--help'],
  'terraform version': ['terraform', 'version'],
}
const env = { ...process.env, CHECKPOINT_DISABLE: '1', TF_CLI_CONFIG_FILE: devNull, NODE_OPTIONS: '' }
const times = Object.fromEntries(Object.keys(programs).map(name => [name, []]))

for (let round = -2; round < repetitions; round++) {
  for (const [name, [file, ...args]] of Object.entries(programs)) {
    const startedAt = performance.now()
    const { status, error } = spawnSync(file, args, { env, stdio: 'ignore' })
    const tookMs = performance.now() - startedAt
    if (error !== undefined || status !== 0) {
      if (name !== 'terraform version') throw new Error(`${name} exited ${status}: ${error?.message ?? ''}`)
      continue
    }
    // The first two rounds fill the disk cache and the compile cache.
    if (round >= 0) times[name].push(tookMs)
  }
}

const medians = {}
for (const [name, all] of Object.entries(times)) {
  if (all.length === 0) continue
  all.sort((a, b) => a - b)
  medians[name] = all[Math.floor(all.length / 2)]
  const [least, most] = [all[0], all[all.length - 1]]
  process.stdout.write(
    `${name.padEnd(18)} ${medians[name].toFixed(1)} ms (${least.toFixed(1)} to ${most.toFixed(1)})\n`,
  )
}
const ratio = medians['mlp --help'] / medians['node -e 0']
const terraform = medians['terraform version']
process.stdout.write(`mlp --help / node -e 0          ${ratio.toFixed(2)} (at most ${limit})\n`)
if (terraform !== undefined) {
  process.stdout.write(
    `mlp --help / terraform version  ${(medians['mlp --help'] / terraform).toFixed(2)} (below 1)\n`,
  )
}
process.exitCode = ratio <= limit && (terraform === undefined || medians['mlp --help'] < terraform) ? 0 : 1
