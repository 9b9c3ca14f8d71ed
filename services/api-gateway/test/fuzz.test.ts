import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { eventually, startProcess } from '@mlp/service-kit/testing'
import { test } from 'vitest'
import * as z from 'zod'
import { startGateway } from './gateway-fixture.ts'

const run = promisify(execFile)
const modelServing = fileURLToPath(new URL('../../model-serving/src/main.ts', import.meta.url))
/** For each operation and phase; what one kind of mistake needs to be found, in a time that a test may take. */
const examples = 15
const plenty = { requestsPerSecond: 1_000_000, burst: 1_000_000 }

/** From PyPI; the environment names it where it is not on the path. */
const schemathesis = process.env['SCHEMATHESIS'] ?? 'schemathesis'
const version = await run(schemathesis, ['--version']).then(
  ({ stdout }) => stdout.trim(),
  () => undefined,
)
if (version === undefined) {
  process.stderr.write('NOT TESTED: the OpenAPI document by fuzzing, because schemathesis is not installed\n')
}

test.runIf(version !== undefined)(
  'whatever is sent to what the OpenAPI document describes: no 5xx, and every answer as described',
  async () => {
    await using models = await startProcess(modelServing, {})
    await eventually('the models', async () => (await fetch(`${models.url}/ready`)).ok, 60_000)
    await using gateway = await startGateway({
      configuration: {
        upstreams: { main: { url: models.url } },
        defaultUpstream: 'main',
        rateLimits: { client: plenty, address: plenty },
      },
    })
    const configuration = join(gateway.folder, 'schemathesis.toml')
    // The program puts the variable in: a key has no place in a command line.
    await writeFile(configuration, 'headers = { "x-api-key" = "$'.concat('{GATEWAY_KEY}" }\n'))
    // Which tensors a model takes is not in the document: what it describes may be refused with 400.
    const checks = '--checks all --exclude-checks positive_data_acceptance'
    const options = `${checks} --max-examples ${examples} --seed 1 --no-color --warnings off`
    const { stdout, failed } = await run(
      schemathesis,
      ['--config-file', configuration, 'run', `${gateway.url}/openapi.json`, ...options.split(' ')],
      { env: { ...process.env, GATEWAY_KEY: gateway.key }, cwd: gateway.folder, maxBuffer: 64 << 20 },
    ).then(
      done => ({ ...done, failed: false }),
      error => ({ stdout: z.string().parse(error.stdout), failed: true }),
    )
    process.stderr.write(`${version}: ${/\d+ generated[^\n]*/.exec(stdout)?.[0]}\n`)
    const [, problems = stdout] = stdout.split(/=+ (?:FAILURES|ERRORS) =+/)
    if (failed) throw new Error(problems.slice(0, 5000))
  },
  600_000,
)
