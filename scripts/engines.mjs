/**
 * Gets every program that the tests run, one after the other: a build that takes minutes beside tests makes them late.
 * What cannot be had is named; the tests that need it say so, too.
 */
import { join } from 'node:path'
import { createToolchain } from '../src/tools/toolchain/create-toolchain.ts'
import { toolNames } from '../src/tools/toolchain/versions.ts'

/** No test runs them yet. */
const unused = new Set(['node-exporter'])

const toolchain = createToolchain({
  packageRoot: join(import.meta.dirname, '..'),
  environment: process.env,
  emit: () => undefined,
})
for (const name of toolNames.filter(name => !unused.has(name))) {
  const startedAt = performance.now()
  const told = await toolchain.path(name).then(
    () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    error => {
      process.exitCode = 1
      return `NOT HAD: ${error instanceof Error ? error.message : String(error)}`
    },
  )
  process.stdout.write(`${name.padEnd(28)} ${told}\n`)
}
