import { join } from 'node:path'
import { openTerminal, type Terminal } from '../../../support/terminal.ts'

export type { Terminal } from '../../../support/terminal.ts'

const fixture = join(import.meta.dirname, 'fixtures/scripted-run.ts')

/** The scripted run on a real pseudo-terminal; Enter lets it go on where it waits. */
export function runOnTerminal(options: {
  readonly script: object
  readonly columns: number
  readonly rows: number
  readonly env?: Readonly<Record<string, string>>
}): Terminal {
  return openTerminal({
    file: process.execPath,
    args: [fixture, JSON.stringify(options.script)],
    env: { PATH: process.env['PATH'], ...options.env },
    columns: options.columns,
    rows: options.rows,
  })
}
