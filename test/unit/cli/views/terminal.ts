import { join } from 'node:path'
import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { onTestFinished, vi } from 'vitest'

export interface Terminal {
  /** What stands on the screen now, without the empty rows at its end. */
  screen(): readonly string[]
  /** The screen and everything that scrolled off it. */
  all(): readonly string[]
  /** Every byte that was sent to it. */
  raw(): string
  /** Presses Enter, for which the scripted run waits. */
  goOn(): void
  until(condition: () => boolean): Promise<void>
  readonly ended: Promise<number>
}

const fixture = join(import.meta.dirname, 'fixtures/scripted-run.ts')

/** The scripted run on a real pseudo-terminal, seen through a real terminal emulator. */
export function runOnTerminal(options: {
  readonly script: object
  readonly columns: number
  readonly rows: number
  readonly env?: Readonly<Record<string, string>>
}): Terminal {
  const { columns, rows } = options
  const emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 1000, allowProposedApi: true })
  const child = spawn(process.execPath, [fixture, JSON.stringify(options.script)], {
    cols: columns,
    rows,
    env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...options.env },
  })
  onTestFinished(() => child.kill('SIGKILL'))
  let raw = ''
  child.onData(data => {
    raw += data
    emulator.write(data)
  })
  const ended = new Promise<number>(resolve =>
    child.onExit(({ exitCode }) => emulator.write('', () => resolve(exitCode))),
  )
  const lines = (from: number): readonly string[] => {
    const buffer = emulator.buffer.active
    const texts = Array.from({ length: buffer.length - from }, (_, row) =>
      (buffer.getLine(from + row)?.translateToString(true) ?? '').trimEnd(),
    )
    return texts.slice(0, texts.findLastIndex(text => text !== '') + 1)
  }
  return {
    screen: () => lines(emulator.buffer.active.baseY),
    all: () => lines(0),
    raw: () => raw,
    goOn: () => child.write('\r'),
    until: condition =>
      vi.waitFor(
        () => {
          if (!condition()) throw new Error(`not seen; the screen is\n${lines(0).join('\n')}`)
        },
        { timeout: 15_000, interval: 50 },
      ),
    ended,
  }
}
