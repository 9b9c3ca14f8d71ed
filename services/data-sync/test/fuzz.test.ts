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
const authorization = `Bearer ${token}`
/** For each operation and phase. */
const examples = 30
const nowhere = '00000000-0000-4000-8000-000000000000'
const locations = { enum: ['s3://fuzz', 's3://nowhere/folder', 'gs://fuzz', 'gs://nowhere/copies'] }

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
    await emulators.makeBuckets('fuzz')
    await using service = await startService(emulators, { API_TOKEN: token, STORE_ATTEMPTS: '1' })
    const folder = await mkdtemp(join(tmpdir(), 'data-sync-fuzz-'))
    const document = join(folder, 'openapi.json')
    const described = await (await service.call('/openapi.json')).text()
    await writeFile(document, JSON.stringify(JSON.parse(described), nearlyRight(await someIds())))
    const checks =
      'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance'
    const options = `--phases examples,coverage,fuzzing --checks ${checks} --max-examples ${examples} --seed 1 --no-color`
    const target = ['--url', service.process.url, '--header', `Authorization: ${authorization}`]
    const fuzzing = run(schemathesis, ['run', document, ...target, ...options.split(' ')], {
      ...{ cwd: folder, maxBuffer: 64 << 20, timeout: 500_000 },
    })
    fuzzing.child.stdin?.end()
    const { stdout, failed } = await fuzzing.then(
      done => ({ ...done, failed: false }),
      error => ({ stdout: z.string().parse(error.stdout), failed: true }),
    )
    await rm(folder, { recursive: true })
    process.stderr.write(`${version}: ${/\d+ generated[^\n]*/.exec(stdout)?.[0]}\n`)
    const [, problems = stdout] = stdout.split(/=+ (?:FAILURES|ERRORS) =+/)
    if (failed) throw new Error(problems.slice(0, 5_000))
    expect((await service.call('/health')).status).toBe(200)
    const made = service.process.lines.filter(line => line['method'] === 'POST' && line['statusCode'] === 201)
    expect(made.length, 'jobs that were made').toBeGreaterThan(1)

    async function someIds(): Promise<{ job: string; run: string }> {
      const headers = { 'content-type': 'application/json', authorization }
      const idOf = async (path: string, body: object) => {
        const response = await service.call(path, { method: 'POST', headers, body: JSON.stringify(body) })
        return z.object({ id: z.uuid() }).parse(await response.json()).id
      }
      const job = await idOf('/v1/jobs', { name: 'first', source: 's3://fuzz', destinations: ['gs://fuzz'] })
      return { job, run: await idOf(`/v1/jobs/${job}/runs`, {}) }
    }
  },
  600_000,
)

/** Puts in ids that there are and locations that are some: most of what is random is refused before it does anything. */
function nearlyRight(ids: { readonly job: string; readonly run: string }) {
  return (name: string, value: unknown): unknown => {
    if (name === 'source') return locations
    // Hardly any text is a cron expression or a time zone.
    if (name === 'schedule') return undefined
    if (name === 'destinations' && isTexts(value)) return { ...value, items: locations }
    if (name !== 'parameters' || !Array.isArray(value)) return value
    return value.map(parameter =>
      parameter.name === 'id' ? { ...parameter, schema: { enum: [ids.job, ids.run, nowhere] } } : parameter,
    )
  }
}

function isTexts(schema: unknown): schema is object {
  return z.object({ items: z.object({ type: z.literal('string') }) }).safeParse(schema).success
}
