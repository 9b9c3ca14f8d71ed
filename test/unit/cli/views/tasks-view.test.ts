import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runOnTerminal, type Terminal } from './terminal.ts'

const running = (terminal: Terminal) => terminal.screen().filter(line => /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /u.test(line))
const escapeStart = '\u001b['

/** The five faults of listr2's defaults that design/experience.md names. */
describe('faults of listr2’s defaults', () => {
  test('1 a short terminal: running steps stay in sight, what is left out is counted, nothing is drawn twice', async () => {
    const terminal = runOnTerminal({ script: { steps: 16 }, columns: 80, rows: 8 })
    await terminal.until(
      () => running(terminal).length > 0 && terminal.all().some(line => / more$/.test(line)),
    )
    expect(running(terminal).length).toBeGreaterThanOrEqual(4)
    const shown = running(terminal).length
    expect(terminal.screen()).toContain(`  and ${15 - shown} more`)
    expect(terminal.screen().at(-1)).toBe('0 done, 1 already there, 15 running, 0 queued')
    // Let it draw some more: a region that were too high would leave copies behind in the scrollback.
    const before = terminal.raw().length
    await terminal.until(() => terminal.raw().length > before + 2000)
    expect(terminal.all().filter(line => line.includes('15 running'))).toHaveLength(1)
    terminal.type('\r')
    expect(await terminal.ended).toBe(0)
    const finished = terminal.all().filter(line => line.startsWith('√ aws/step-'))
    expect(finished, 'every finished step scrolled by exactly once').toHaveLength(15)
    expect(terminal.all().filter(line => /already there, \d+ running/.test(line))).toEqual([])
  })

  test('2 a failed step keeps its title, while others run and at the end', async () => {
    const terminal = runOnTerminal({ script: { fail: true }, columns: 80, rows: 24 })
    await terminal.until(() => running(terminal).length === 5)
    terminal.type('\r')
    await terminal.until(() =>
      terminal.screen().includes('× 1.aws.step-2 The 2th thing that a platform needs'),
    )
    expect(running(terminal)).toHaveLength(4)
    terminal.type('\r')
    await terminal.ended
    expect(terminal.all()).toContain('× 1.aws.step-2  The 2th thing that a platform needs')
  })

  test('3 a failure is told in at most 15 lines, with the tool’s last words, the log and the exact next command', async () => {
    const terminal = runOnTerminal({ script: { fail: true }, columns: 80, rows: 24 })
    await terminal.until(() => running(terminal).length === 5)
    terminal.type('\r')
    await terminal.until(() => terminal.screen().some(line => line.startsWith('× ')))
    terminal.type('\r')
    await terminal.ended
    const all = terminal.all()
    const ending = all.slice(all.findIndex(line => line.startsWith('× ')))
    expect(ending.length).toBeLessThanOrEqual(15)
    expect(ending[1]).toBe('  MLP2002 terraform apply failed')
    expect(ending).toContain('  | tool line 30')
    expect(ending).not.toContain('  | tool line 20')
    expect(ending.slice(-4)).toEqual([
      '  what to do: Raise the quota of vCPUs.',
      'Failed in 2 min 05 s: 4 done, 1 already there, 1 failed of 6',
      'log: /platform/.mlp/runs/1/log.txt',
      'next: mlp bootstrap --to 2   (goes on at 1.aws.step-2)',
    ])
  })

  test('4 without a terminal, step names are there, and no escape sequence', async () => {
    const output = await piped({ steps: 3 }, {})
    expect(output).toBe(
      [
        'bootstrap: ml-platform (dev) on sandbox, 3 steps',
        'aws/step-1: skipped: done 2 h ago, inputs unchanged, still as declared',
        'aws/step-2: started: not there yet',
        'aws/step-2: 100% sure of aws_thing.number_1',
        'aws/step-3: started: not there yet',
        'aws/step-3: 100% sure of aws_thing.number_2',
        'aws/step-2: done (1 min 01 s): not there yet',
        'aws/step-3: done (1 min 01 s): not there yet',
        '',
        'Done in 2 min 05 s: 2 done, 1 already there of 3',
        'next: mlp verify',
        '      mlp status',
        '',
      ].join('\n'),
    )
  })

  test.each([
    ['TERM=dumb', { TERM: 'dumb' }],
    ['ACCESSIBLE=1', { ACCESSIBLE: '1', NO_COLOR: '1' }],
    ['CI', { CI: 'true', NO_COLOR: '1' }],
  ])('5 %s on a terminal gets plain lines without one escape sequence', async (_, env) => {
    const terminal = runOnTerminal({ script: { steps: 3 }, columns: 80, rows: 24, env })
    await terminal.until(() => terminal.all().some(line => line.startsWith('aws/step-3: started')))
    terminal.type('\r')
    await terminal.ended
    expect(terminal.raw()).not.toContain('\u001b')
    expect(terminal.all()).toContain('aws/step-3: done (1 min 01 s): not there yet')
  })
})

describe('on a terminal', () => {
  test.each([[40], [80]])('%d columns: no line of the live part wraps', async columns => {
    const terminal = runOnTerminal({ script: { steps: 5 }, columns, rows: 24 })
    await terminal.until(() => running(terminal).length === 4)
    for (const line of terminal.screen()) expect([...line].length).toBeLessThan(columns)
    expect(terminal.screen(), 'heading, skipped step, four running, counts').toHaveLength(7)
    terminal.type('\r')
    await terminal.ended
    expect(terminal.all().filter(line => line.startsWith('√ '))).toHaveLength(4)
  })

  test('the normal screen is used, the cursor is never hidden, and a tool’s own escape sequences are not passed on', async () => {
    const terminal = runOnTerminal({ script: { steps: 3 }, columns: 80, rows: 24 })
    await terminal.until(() => running(terminal).length === 2)
    terminal.type('\r')
    await terminal.ended
    expect(terminal.raw()).not.toContain(`${escapeStart}?1049h`)
    expect(terminal.raw()).not.toContain(`${escapeStart}?25l`)
    expect(terminal.raw()).not.toContain(`${escapeStart}2J`)
    expect(terminal.raw()).not.toContain('\u0007')
    expect(terminal.raw()).toContain('100% sure')
  })
})

test('a tool that is ready is no news any more', async () => {
  const terminal = runOnTerminal({ script: { steps: 2, tool: true }, columns: 80, rows: 24 })
  await terminal.until(() => terminal.screen().includes('etcd: building it'))
  terminal.type('\r')
  await terminal.until(() => !terminal.screen().some(line => line.startsWith('etcd')))
  terminal.type('\r')
  expect(await terminal.ended).toBe(0)
})

test('a run of one phase counts what other phases have, and tells it not one by one', async () => {
  const skipped = async (command: string) => {
    const terminal = runOnTerminal({ script: { steps: 2, command }, columns: 80, rows: 24 })
    await terminal.until(() => running(terminal).length === 1)
    expect(terminal.screen().at(-1)).toMatch(/1 already there/)
    terminal.type('\r')
    expect(await terminal.ended).toBe(0)
    return terminal.all().filter(line => line.startsWith('- aws/step-1 skipped')).length
  }
  expect(await skipped('phase 3')).toBe(0)
  expect(await skipped('phase 1')).toBe(1)
  expect(await skipped('bootstrap')).toBe(1)
})

test('NDJSON: only objects, the first with the version, the last with the result', async () => {
  const lines = (await piped({ steps: 2, json: true }, {})).trimEnd().split('\n')
  const events = lines.map((line): unknown => JSON.parse(line))
  expect(events[0]).toMatchObject({ type: 'version', ui: '1.0', mlp: '0.0.0-test' })
  expect(events.at(-1)).toMatchObject({ type: 'run-finished', result: 'ok' })
})

function piped(script: object, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const fixture = join(import.meta.dirname, 'fixtures/scripted-run.ts')
    const child = spawn(process.execPath, [fixture, JSON.stringify(script)], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', chunk => {
      output += chunk
    })
    child.on('error', reject)
    child.on('close', () => resolve(output))
    child.stdin.end('\n')
  })
}
