import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findLivingTerraform } from '../../src/tools/terraform/living.ts'
import { createPlayground, mlpPath, type Playground } from '../support/mlp.ts'
import { eventually } from '../support/processes.ts'
import { setTimeScale } from '../support/sandbox.ts'
import { openTerminal, type Terminal } from '../support/terminal.ts'

const interrupt = '\x03'
const phase = ['phase', '1', '--cloud', 'aws', '--yes']
/** Where nothing was made yet. */
const elsewhere = ['phase', '1', '--cloud', 'gcp', '--yes']
/** Slow enough that a database is being made for some ten seconds; a second run need not wait for it. */
const slowly = 0.02
/** For what is killed meanwhile: more than the test needs to press a key twice on a busy machine. */
const verySlowly = 0.1
/** Of what is being made the one that began first is shown, cut at 80 columns: in the end only the slow ones are left. */
const slowResource =
  /^\S (aws|gcp): Network.*: creating (aws_db_inst|aws_elasticache_rep|google_sql_database_|google_redis|google_memorystore)/

// Each part starts from the world that the one before it left.
describe('an interrupted run', () => {
  let playground: Playground
  beforeAll(async () => {
    playground = await createPlayground()
    const started = await playground.mlp(['sandbox', 'start'])
    expect(started.exitCode, started.stderr).toBe(0)
  })
  afterAll(() => playground.dispose())

  /** mlp on a terminal; when it has ended, the terminal's settings are printed there, and its exit code is the end's. */
  const open = (...args: readonly string[]): Terminal => {
    const { CI: _, NO_COLOR: __, ...env } = { ...process.env, ...playground.env }
    // The shell gets the terminal's signals too, and has to outlive them.
    const script = 'trap : INT; "$@"; code=$?; stty -a; exit $code'
    return openTerminal({
      file: 'sh',
      args: ['-c', script, 'sh', process.execPath, mlpPath, ...args],
      cwd: playground.folder,
      env,
      columns: 80,
      rows: 24,
    })
  }
  const livingTerraform = (root = 'aws-foundation') =>
    findLivingTerraform(join(playground.platformHome, 'terraform', root))
  const creatingDatabase = (terminal: Terminal) => terminal.screen().some(line => slowResource.test(line))
  const said = (terminal: Terminal, pattern: RegExp) => terminal.all().filter(line => pattern.test(line))
  const expectTerminalAsBefore = (terminal: Terminal) => {
    const settings = terminal.all().join(' ').split(/\s+/)
    for (const setting of ['isig', 'icanon', 'echo', 'opost', 'icrnl']) expect(settings).toContain(setting)
    expect(terminal.raw().lastIndexOf('\x1b[?25h')).toBeGreaterThanOrEqual(
      terminal.raw().lastIndexOf('\x1b[?25l'),
    )
    // The normal screen was never left, so what was said can be scrolled back to.
    expect(terminal.raw()).not.toContain('\x1b[?1049h')
  }
  /** What terraform itself wrote of the interrupts that reached it, in the last run's log. */
  const interruptsOfTerraform = async () => {
    const runs = (await readdir(join(playground.platformHome, 'runs'))).toSorted()
    const log = await readFile(join(playground.platformHome, 'runs', runs.at(-1) ?? '', 'log.txt'), 'utf8')
    return log.split('\n').flatMap(line => /Interrupt received|Two interrupts received/.exec(line) ?? [])
  }
  const goesOn = async (command = phase) => {
    await setTimeScale(playground, 0)
    const next = await playground.mlp([...command, '--json'])
    expect(next.exitCode, next.stdout).toBe(0)
    return next.stdout
  }

  it('by Ctrl-C: one SIGINT for terraform, which saves; what is finishing, and how to go on; 130', async () => {
    await setTimeScale(playground, slowly)
    const terminal = open(...phase)
    await terminal.until(() => creatingDatabase(terminal), 300_000)
    terminal.type(interrupt)
    expect(await terminal.ended).toBe(130)

    expect(said(terminal, /^SIGINT/)).toEqual([
      'SIGINT: finishing aws/apply-foundation; once more leaves them unknown',
    ])
    expect(said(terminal, /^next: mlp phase 1 .*goes on at 1\.aws\.apply-foundation/)).toHaveLength(1)
    expect(await interruptsOfTerraform()).toEqual(['Interrupt received'])
    expect(await livingTerraform()).toBeUndefined()
    expectTerminalAsBefore(terminal)
  })

  it('goes on: all that was made is known, and what was cut short is kept, not replaced', async () => {
    const output = await goesOn()
    expect(output).not.toContain('that an interrupted run left')
    expect(output).toContain('which is complete although its creation was interrupted')
  })

  it('at a question: 130, and the terminal takes lines again', async () => {
    const terminal = open('teardown', '--cloud', 'aws', '--destroy-data', '--no-final-snapshot')
    await terminal.until(() => terminal.screen().some(line => line.includes('Type ml-platform')), 60_000)
    terminal.type(interrupt)
    expect(await terminal.ended).toBe(130)
    expectTerminalAsBefore(terminal)
    expect(await goesOn()).toContain('"done":0,')
  })

  it('by a second Ctrl-C: says what it leaves unknown, kills, and the next run repairs', async () => {
    await setTimeScale(playground, verySlowly)
    const terminal = open(...elsewhere)
    await terminal.until(() => creatingDatabase(terminal), 300_000)
    terminal.type(interrupt)
    await terminal.until(() => said(terminal, /^SIGINT: finishing/).length === 1)
    terminal.type(interrupt)
    expect(await terminal.ended).toBe(130)

    const text = terminal.all().join('\n')
    expect(text).toContain('killing 1 step; what they left is unknown until the next run asks')
    expect(text).toContain('next: mlp phase 1')
    expectTerminalAsBefore(terminal)
    await eventually('terraform to be gone', async () =>
      (await livingTerraform('gcp-foundation')) === undefined ? true : undefined,
    )
    await goesOn(elsewhere)
  })

  it('by a reader that has seen enough: ends in order, as after Ctrl-C', async () => {
    const running = playground.start([...phase, '--force', '--json'])
    await eventually('a step to begin', () => running.events().find(({ type }) => type === 'step-started'))
    running.child.stdout?.destroy()
    const { exitCode, stderr } = await running.finished
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: '' })
    expect(await livingTerraform()).toBeUndefined()
    await goesOn()
  })

  it('by SIGTERM: 143, whether it works or only waits for its sandbox; the next run goes on', async () => {
    const early = playground.start([...phase, '--json'], {
      MLP_SANDBOX_HOME: join(playground.folder, 'another'),
    })
    await eventually('the sandbox to be waited for', () =>
      early.events().find(({ type }) => type === 'tool-progress'),
    )
    early.child.kill('SIGTERM')
    const first = await early.finished
    expect({ exitCode: first.exitCode, said: first.stderr }).toEqual({
      exitCode: 143,
      said: expect.stringContaining('MLP5143'),
    })
    const stopped = await playground.mlp(['sandbox', 'reset', '--yes'], {
      MLP_SANDBOX_HOME: join(playground.folder, 'another'),
    })
    expect(stopped.exitCode, stopped.stderr).toBe(0)

    const late = playground.start([...phase, '--force', '--json'])
    await eventually('a step to begin', () => late.events().find(({ type }) => type === 'step-started'))
    late.child.kill('SIGTERM')
    const { exitCode, stdout } = await late.finished
    expect(exitCode, stdout).toBe(143)
    await goesOn()
  })
})
