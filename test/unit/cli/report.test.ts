import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCommandLine } from '../../../src/cli/main.ts'
import type { Event, EventBody } from '../../../src/engine/events.ts'
import { quietIo } from './harness.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-report-'))
})
afterEach(() => rm(folder, { recursive: true }))

const runFolder = (runId: string) => join(folder, '.mlp/sandbox/ml-platform-dev/runs', runId)

/** Leaves what a run leaves; one event a second. */
async function leaveRun(runId: string, events: readonly EventBody[], more = ''): Promise<void> {
  const lines = events.map((event, index): Event => {
    return { at: new Date(Date.UTC(2026, 0, 1, 10, 0, index)).toISOString(), ...event }
  })
  await mkdir(runFolder(runId), { recursive: true })
  const text = lines.map(line => `${JSON.stringify(line)}\n`).join('') + more
  await writeFile(join(runFolder(runId), 'events.ndjson'), text)
}

async function report(...args: readonly string[]) {
  const { io, out, err } = quietIo(folder)
  const exitCode = await runCommandLine(['report', ...args], io)
  return { exitCode, out: out(), err: err() }
}

const net = { step: '1.aws.apply-foundation', cloud: 'aws', title: 'Network <and> data' }
const names = { step: '2.gcp.namespaces', cloud: 'gcp', title: 'Namespaces' }
const started: EventBody = {
  type: 'run-started',
  runId: 'x',
  command: 'bootstrap',
  target: 'sandbox',
  project: 'ml-platform',
  environment: 'dev',
  steps: [net, names].map(({ step, ...rest }) => ({ id: step, ...rest })),
}
const attack = '"><script src="https://evil.example/x.js"></script><img src=x onerror=alert(1)>\u001b[2J'
const failedRun: readonly EventBody[] = [
  started,
  { type: 'step-started', ...net, why: 'not there yet' },
  { type: 'command-started', id: 'c1', step: net.step, command: `terraform plan '${attack}'` },
  { type: 'tool-output', id: 'c1', step: net.step, stream: 'stderr', line: `Error: ${attack}` },
  { type: 'command-finished', id: 'c1', step: net.step, exitCode: 1, durationMs: 61_000 },
  {
    type: 'step-finished',
    ...net,
    state: 'failed',
    why: `terraform failed: ${attack}`,
    durationMs: 62_000,
    error: {
      code: 'MLP2101',
      owner: 'operator',
      retryable: true,
      summary: attack,
      detail: attack,
      remedy: [`raise the quota ${attack}`],
      command: attack,
    },
  },
  { type: 'step-finished', ...names, state: 'blocked', why: `${net.step} failed`, durationMs: 0 },
  {
    type: 'run-finished',
    result: 'failed',
    exitCode: 3,
    durationMs: 63_000,
    done: 0,
    skipped: 0,
    failed: 1,
    total: 2,
    kept: [{ cloud: 'aws', type: 'bucket', id: attack, name: 'ml-data', reason: 'holds data' }],
  },
]
const first = '20260101T100000Z-aaaaaa'
const second = '20260102T100000Z-bbbbbb'

describe('mlp report', () => {
  test('writes one private file in the folder of the last run, and prints its path', async () => {
    await leaveRun(first, failedRun)
    await leaveRun(second, failedRun)
    const { exitCode, out } = await report()
    expect([exitCode, out]).toEqual([0, `${join(runFolder(second), 'report.html')}\n`])
    expect((await stat(out.trim())).mode & 0o777).toBe(0o600)
    const named = await report('--run', first, '--json')
    expect(JSON.parse(named.out)).toEqual({
      schemaVersion: 1,
      runId: first,
      file: join(runFolder(first), 'report.html'),
    })
  })

  test('passes over what only asked: a plan leaves a folder, and works on no steps', async () => {
    await leaveRun(first, failedRun)
    await leaveRun(second, [{ type: 'notice', level: 'info', message: 'planned' }])
    expect((await report()).out).toContain(first)
  })

  test.each([
    [[], /there is no run to report/],
    [['--run', second], /there is no run 20260102T100000Z-bbbbbb/],
    [['--run', '../../..'], /there is no run \.\./],
  ])('%j without such a run is said, exit 2', async (args, expected) => {
    if (args.length > 0) await leaveRun(first, failedRun)
    const { exitCode, err } = await report(...args)
    expect(exitCode).toBe(2)
    expect(err).toMatch(expected)
    expect(err).toMatch(/^Error MLP5233/)
  })
})

describe('the page', () => {
  const page = async (events: readonly EventBody[], more = '') => {
    await leaveRun(first, events, more)
    return await readFile((await report()).out.trim(), 'utf8')
  }

  test('tells what happened, what went wrong, what to do, and what was run', async () => {
    const text = await page(failedRun)
    expect(text).toContain('<h1>mlp bootstrap: <span class="bad">failed</span></h1>')
    expect(text).toContain('sandbox: simulated clouds on this machine')
    expect(text).toContain('0 done, 0 already there, 1 failed, 1 blocked of 2')
    expect(text).toContain('Phase 1: Infrastructure')
    expect(text).toContain('Phase 2: Kubernetes configuration')
    expect(text).toContain('Network &lt;and&gt; data')
    expect(text).toContain('1 min 02 s')
    expect(text).toMatch(/<li>raise the quota /)
    expect(text).toContain('mlp help MLP2101')
    expect(text).toContain('Kept on purpose (1)')
    expect(text).toContain('exit 1')
    expect(text).toContain('<code>mlp bootstrap</code> goes on where this run stopped')
  })

  test('lets nothing in that came from outside, and loads nothing', async () => {
    const text = await page(failedRun)
    expect(text).not.toMatch(/<script|<img|<link|<iframe|onerror=alert\(1\)>/)
    expect(text).not.toMatch(/<[^>]*\s(src|href|action|on\w+)=/)
    expect(text).not.toMatch(/url\(|@import/)
    expect(text).not.toContain('\u001b')
    expect(text).toContain("content=\"default-src 'none'; style-src 'unsafe-inline'\"")
    expect(text.match(/&quot;&gt;&lt;script src=&quot;https:/g)?.length).toBeGreaterThan(6)
  })

  test('is whole in its structure: every tag that opens closes, in order; each table has a caption and headings', async () => {
    const text = await page(failedRun)
    const open: string[] = []
    const empty = new Set(['meta', 'br', '!doctype'])
    for (const [, slash, name = ''] of text.matchAll(/<(\/?)([a-z!]+[0-9]?)[^>]*>/g)) {
      if (empty.has(name)) continue
      if (slash === '/') expect(open.pop()).toBe(name)
      else open.push(name)
    }
    expect(open).toEqual([])
    expect(text.match(/<caption>/g)).toHaveLength(text.match(/<table>/g)?.length ?? 0)
    expect(text).toMatch(/<html lang="en">/)
    expect(text.match(/<h1>/g)).toHaveLength(1)
  })

  test('of a run that was killed says so, although its last line is cut short', async () => {
    const text = await page(failedRun.slice(0, 3), '{"at":"2026-01-01T10:00:09.000Z","type":"run-fin')
    expect(text).toContain('<span class="bad">did not end</span>')
    expect(text).toContain('cut short')
    expect(text).toContain('not begun')
  })
})
