import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { openRunLog } from '../../../src/cli/run-log.ts'
import type { EventBody } from '../../../src/engine/events.ts'

const at = '2026-01-01T00:00:00.000Z'

async function runsFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'runs')
}

test('every event and every external command with its output is there at once, in private files', async () => {
  const folder = await runsFolder()
  const runId = '20260101T000000Z-abcdef'
  await using log = await openRunLog({ folder, runId })
  const events: readonly EventBody[] = [
    { type: 'command-started', id: 'c1', command: 'terraform apply', cwd: '/work' },
    { type: 'tool-output', id: 'c1', stream: 'stderr', line: 'Error: no' },
    { type: 'command-finished', id: 'c1', exitCode: 1, durationMs: 12.4 },
    {
      type: 'step-finished',
      step: '1.aws.net',
      cloud: 'aws',
      title: 't',
      state: 'failed',
      why: 'no',
      durationMs: 1,
      error: {
        code: 'MLP2002',
        owner: 'operator',
        retryable: true,
        summary: 'failed',
        detail: 'a\nb',
        command: 'terraform apply',
        remedy: ['again'],
      },
    },
  ]
  for (const event of events) log.write({ at, ...event })
  const text = await readFile(log.textFile, 'utf8')
  expect(text.split('\n')).toEqual([
    `${at} $ terraform apply   # in /work   [c1]`,
    `${at} [c1] ! Error: no`,
    `${at} [c1] ended: exit 1 after 12 ms`,
    `${at} 1.aws.net failed: no`,
    '  MLP2002 failed',
    '  a',
    '  b',
    '  command: terraform apply',
    '  remedy: again',
    '',
  ])
  const lines = (await readFile(join(folder, runId, 'events.ndjson'), 'utf8')).trimEnd().split('\n')
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual(events.map(event => ({ at, ...event })))
  for (const name of await readdir(join(folder, runId))) {
    expect((await stat(join(folder, runId, name))).mode & 0o777).toBe(0o600)
  }
})

test('the newest runs are kept, and what is no run is left alone', async () => {
  const folder = await runsFolder()
  await mkdir(join(folder, 'my-notes'), { recursive: true })
  for (let second = 10; second < 20; second++) {
    const log = await openRunLog({ folder, runId: `20260101T0000${second}Z-abcdef`, keep: 3 })
    await log[Symbol.asyncDispose]()
  }
  expect((await readdir(folder)).sort()).toEqual([
    '20260101T000017Z-abcdef',
    '20260101T000018Z-abcdef',
    '20260101T000019Z-abcdef',
    'my-notes',
  ])
})

test('a log that cannot be opened is told; one that cannot be written any more stops no run', async () => {
  const folder = await runsFolder()
  await writeFile(folder, 'a file in its place')
  await expect(openRunLog({ folder, runId: '1' })).rejects.toMatchObject({ code: 'MLP5225' })
  await rm(folder)
  // A size limit of the process refuses writes with the same paths taken as on a full disk.
  const script = `
    import { openRunLog } from ${JSON.stringify(join(import.meta.dirname, '../../../src/cli/run-log.ts'))}
    process.on('SIGXFSZ', () => {})
    const log = await openRunLog({ folder: process.argv[1], runId: '20260101T000000Z-abcdef' })
    const write = message => log.write({ at: '', type: 'notice', level: 'info', message })
    write('first')
    if (log.problem() !== undefined) throw new Error(log.problem())
    write('x'.repeat(200000))
    write('more')
    console.log(log.problem())
  `
  const shell = 'ulimit -f 40; exec "$NODE" --input-type=module -e "$SCRIPT" "$FOLDER"'
  const env = { PATH: process.env['PATH'], NODE: process.execPath, SCRIPT: script, FOLDER: folder }
  const { stdout } = await promisify(execFile)('sh', ['-c', shell], { env })
  expect(stdout).toMatch(/^the log stops here: EFBIG/)
})
