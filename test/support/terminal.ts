import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { onTestFinished, vi } from 'vitest'

export interface Terminal {
  readonly pid: number
  /** What stands on the screen now, without the empty rows at its end. */
  screen(): readonly string[]
  /** The screen and everything that scrolled off it. */
  all(): readonly string[]
  /** Every byte that was sent to it. */
  raw(): string
  /** Types this: `\r` is Enter, `\x03` is Ctrl-C, which the terminal turns into a SIGINT to its foreground group. */
  type(keys: string): void
  /** Fails, showing the screen, when `timeoutMs` (15 s) pass before the condition holds. */
  until(condition: () => boolean, timeoutMs?: number): Promise<void>
  readonly ended: Promise<number>
}

export interface TerminalOptions {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly columns: number
  readonly rows: number
}

/** A program on a real pseudo-terminal, seen through a real terminal emulator; killed when the test ends. */
export function openTerminal({ file, args, cwd, env, columns, rows }: TerminalOptions): Terminal {
  const emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 5000, allowProposedApi: true })
  const child = spawn(file, [...args], {
    cols: columns,
    rows,
    env: { TERM: 'xterm-256color', ...env },
    ...(cwd === undefined ? {} : { cwd }),
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
    pid: child.pid,
    screen: () => lines(emulator.buffer.active.baseY),
    all: () => lines(0),
    raw: () => raw,
    type: keys => child.write(keys),
    until: (condition, timeoutMs = 15_000) =>
      vi.waitFor(
        () => {
          if (!condition()) throw new Error(`not seen; the screen is\n${lines(0).join('\n')}`)
        },
        { timeout: timeoutMs, interval: 50 },
      ),
    ended,
  }
}
