/**
 * Times cold source builds of tools and engines: own Go caches, own tools cache, nothing found on PATH or downloaded.
 * Takes a quarter of an hour for all on two cores, and about 10 GB below the system's temporary folder.
 *
 *   node scripts/measure-toolchain.mjs [tool ...]
 */
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { goBuild } from '../src/tools/toolchain/go-build.ts'
import { readPins, toolNames } from '../src/tools/toolchain/versions.ts'

const packageRoot = join(import.meta.dirname, '..')
const pins = await readPins(packageRoot)
const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !toolNames.includes(name))
if (unknown.length > 0) throw new Error(`unknown: ${unknown.join(', ')}; there are ${toolNames.join(', ')}`)

const folder = await mkdtemp(join(tmpdir(), 'mlp-measure-'))
const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort())
const environment = {
  ...process.env,
  GOCACHE: join(folder, 'compiled'),
  GOMODCACHE: join(folder, 'modules'),
}
const rows = []
try {
  execFileSync('go', ['version'], { stdio: 'inherit' })
  for (const tool of toolNames.filter(name => wanted.length === 0 || wanted.includes(name))) {
    const { build, version } = pins[tool]
    if (build === undefined) continue
    const file = join(folder, 'tools', tool)
    await mkdir(join(folder, 'tools'), { recursive: true })
    const startedAt = performance.now()
    await goBuild(build, version, file, {
      modules: join(packageRoot, 'toolchain', 'go'),
      environment,
      context: { signal: interrupt.signal, emit: () => undefined },
      onProgress: message => process.stderr.write(`\r\x1b[K${tool} ${version}: ${message}`),
    })
    const seconds = Math.round((performance.now() - startedAt) / 1000)
    rows.push({ tool, version, seconds, megabytes: Math.round((await stat(file)).size / 1_000_000) })
    process.stderr.write('\r\x1b[K')
  }
} finally {
  // Go makes its module cache read-only, which rm respects.
  execFileSync('chmod', ['-R', 'u+w', folder])
  await rm(folder, { recursive: true, force: true })
}
const total = rows.reduce((sum, { seconds }) => sum + seconds, 0)
process.stdout.write('| tool | version | seconds | MB |\n| --- | --- | ---: | ---: |\n')
for (const row of rows) process.stdout.write(`| ${Object.values(row).join(' | ')} |\n`)
process.stdout.write(`| all | | ${total} | |\n`)
