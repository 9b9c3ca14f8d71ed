import type { CheckRow } from '../engine/check.ts'
import type { Io } from './io.ts'
import type { GlobalOptions } from './options.ts'
import { type CheckReportOptions, checkJson, checkReport } from './views/check-report.ts'
import { chooseColour } from './views/choose.ts'
import { palette } from './views/palette.ts'

/** Writes what `verify` and `doctor` found: one document with --json, else the checks by category. */
export function showChecks(
  rows: readonly CheckRow[],
  options: Pick<GlobalOptions, 'json' | 'color'> & Omit<CheckReportOptions, 'columns' | 'palette'>,
  io: Pick<Io, 'stdout' | 'env'>,
): void {
  if (options.json) {
    io.stdout.write(`${JSON.stringify(checkJson(rows))}\n`)
    return
  }
  const colour = chooseColour(options.color, { isTty: io.stdout.isTTY === true, env: io.env })
  const lines = checkReport(rows, {
    ...options,
    columns: io.stdout.columns ?? 80,
    palette: palette(colour),
  })
  io.stdout.write(`${lines.join('\n')}\n`)
}
