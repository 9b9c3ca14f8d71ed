import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { startEmulators } from './support/emulators.ts'
import { startService } from './support/service.ts'

const run = promisify(execFile)
const token = 'a-token-for-the-tests'
/** For each operation and phase. */
const examples = 20

/** From PyPI; the environment names it where it is not on the path. */
const schemathesis = process.env['SCHEMATHESIS'] ?? 'schemathesis'
const version = await run(schemathesis, ['--version']).then(
  ({ stdout }) => stdout.trim(),
  () => undefined,
)
const skipped = version === undefined ? ' (skipped: there is no schemathesis on the PATH)' : ''

test.skipIf(version === undefined)(
  `schemathesis finds no 5xx, nor an answer that the document does not promise${skipped}`,
  async () => {
    await using emulators = await startEmulators(['s3', 'gcs'])
    await using service = await startService(emulators, {
      API_TOKEN: token,
      STORE_ATTEMPTS: '1',
      LOG_LEVEL: 'error',
    })
    const folder = await mkdtemp(join(tmpdir(), 'data-sync-fuzz-'))
    const document = join(folder, 'openapi.json')
    await writeFile(document, await (await service.call('/openapi.json')).text())
    const checks =
      'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance'
    const options = `--phases examples,coverage,fuzzing --checks ${checks} --max-examples ${examples} --seed 1 --no-color`
    const target = ['--url', service.process.url, '--header', `Authorization: Bearer ${token}`]
    const { stdout, failed } = await run(schemathesis, ['run', document, ...target, ...options.split(' ')], {
      ...{ cwd: folder, maxBuffer: 64 << 20 },
    }).then(
      done => ({ ...done, failed: false }),
      error => ({ stdout: z.string().parse(error.stdout), failed: true }),
    )
    await rm(folder, { recursive: true })
    process.stderr.write(`${version}: ${/\d+ generated[^\n]*/.exec(stdout)?.[0]}\n`)
    const [, problems = stdout] = stdout.split(/=+ (?:FAILURES|ERRORS) =+/)
    if (failed) throw new Error(problems.slice(0, 5_000))
    expect((await service.call('/health')).status).toBe(200)
  },
  600_000,
)
