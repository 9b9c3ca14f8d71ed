#!/usr/bin/env node
// `npm test`: everything that has to hold, in the order that fails soonest, with what each suite took.
// `npm test -- types unit` runs only those.
import { spawn } from 'node:child_process'
import { coverageTable } from './coverage-table.mjs'

const suites = [
  ['lint', 'biome check .'],
  ['types', 'tsc -p .'],
  ['imports', 'depcruise src sandbox/src services/*/src bin --config .dependency-cruiser.mjs'],
  ['dead-code', 'knip'],
  ['audit', 'node scripts/audit.mjs'],
  ['build', 'node scripts/build.mjs'],
  ['engines', 'node scripts/engines.mjs'],
  ['unit', 'vitest run --project unit --coverage'],
  ['sandbox', 'vitest run --project sandbox'],
  ['fidelity', 'vitest run --project fidelity'],
  ['services', 'vitest run --project services'],
  ['e2e', 'vitest run --project e2e'],
  ['faults', 'vitest run --project faults'],
  ['unprivileged', 'node scripts/unprivileged.mjs'],
]

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !suites.some(([known]) => known === name))
if (unknown.length > 0) {
  process.stderr.write(
    `no suite named ${unknown.join(', ')}; there are: ${suites.map(([name]) => name).join(', ')}\n`,
  )
  process.exit(2)
}

const results = []
for (const [name, command] of suites) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  process.stdout.write(`\n== ${name}: ${command}\n`)
  const startedAt = performance.now()
  const { exitCode, lastLines } = await run(command)
  if (name === 'unit') process.stdout.write(`\n${coverageTable()}\n`)
  results.push({ name, exitCode, lastLines, seconds: (performance.now() - startedAt) / 1000 })
}

// Again at the end: a log of half an hour is often read, or kept, from its end only.
for (const { name, exitCode, lastLines } of results)
  if (exitCode !== 0) process.stdout.write(`\n== ${name} failed; it said last:\n${lastLines.join('\n')}\n`)

process.stdout.write('\nsuite        result   seconds\n')
for (const { name, exitCode, seconds } of results) {
  process.stdout.write(
    `${name.padEnd(12)} ${(exitCode === 0 ? 'passed' : `exit ${exitCode}`).padEnd(8)} ${seconds.toFixed(1)}\n`,
  )
}
const failed = results.filter(({ exitCode }) => exitCode !== 0)
process.stdout.write(`\nsuites: ${results.length - failed.length} passed, ${failed.length} failed\n`)
process.exitCode = failed.length === 0 ? 0 : 1

/**
 * @param {string} command
 * @returns {Promise<{ exitCode: number, lastLines: string[] }>} 128 for a signal; what it printed last
 */
function run(command) {
  const [file, ...args] = command.split(' ')
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...color } })
    let last = ''
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8')
      from.on('data', text => {
        to.write(text)
        last = (last + text).slice(-20_000)
      })
    }
    child.on('error', reject)
    child.on('close', code =>
      resolve({ exitCode: code ?? 128, lastLines: last.trimEnd().split('\n').slice(-100) }),
    )
  })
}
