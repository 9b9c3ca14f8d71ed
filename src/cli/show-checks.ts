import type { CheckRow } from '../engine/check.ts'
import type { ChecklistDocument } from './contract.ts'
import type { Io } from './io.ts'
import type { GlobalOptions } from './options.ts'
import { type CheckReportOptions, checkJson, checkReport } from './views/check-report.ts'
import { checklistReport } from './views/checklist-report.ts'
import { chooseColour } from './views/choose.ts'
import { palette } from './views/palette.ts'

/** Writes what `verify` and `doctor` found: one document with --json, else the checks by category. */
export function showChecks(
  rows: readonly CheckRow[],
  {
    checklist,
    supportBundle,
    ...options
  }: {
    readonly checklist?: ChecklistDocument | undefined
    readonly supportBundle?: string | undefined
  } & Pick<GlobalOptions, 'json' | 'color'> &
    Omit<CheckReportOptions, 'columns' | 'palette'>,
  io: Pick<Io, 'stdout' | 'env'>,
): void {
  if (options.json) {
    const more = {
      ...(checklist === undefined ? {} : { checklist }),
      ...(supportBundle === undefined ? {} : { supportBundle }),
    }
    io.stdout.write(`${JSON.stringify({ ...checkJson(rows), ...more })}\n`)
    return
  }
  const colour = chooseColour(options.color, { isTty: io.stdout.isTTY === true, env: io.env })
  const shown = { columns: io.stdout.columns ?? 80, palette: palette(colour) }
  const lines = [
    ...checkReport(rows, { ...options, ...shown }),
    ...(checklist === undefined ? [] : ['', ...checklistReport(checklist, shown)]),
    ...(supportBundle === undefined
      ? []
      : ['', `For whoever helps, with secrets masked; read it first: ${supportBundle}`]),
  ]
  io.stdout.write(`${lines.join('\n')}\n`)
}
