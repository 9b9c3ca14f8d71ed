import type { CheckRow } from '../../engine/check.ts'
import { type CheckDocument, checkDocument, documentVersion } from '../contract.ts'
import { marks, type Palette } from './palette.ts'
import { wrap } from './text.ts'

export interface CheckReportOptions {
  readonly columns: number
  readonly palette: Palette
  /** `short`: problems only. */
  readonly output: 'full' | 'short'
  /** The heading that a check stands under. */
  readonly categoryOf: (row: CheckRow) => string
  /** Which passes say what they found: who somebody is, say. Others need only their title. */
  readonly explained?: (row: CheckRow) => boolean
}

/** Healthy: nothing failed, nothing could not be looked at, nothing waits for what failed. Warnings never count. */
function isHealthy(rows: readonly CheckRow[]): boolean {
  return rows.length > 0 && !rows.some(isProblem)
}

export function checkJson(rows: readonly CheckRow[]): CheckDocument {
  return checkDocument.parse({ schemaVersion: documentVersion, healthy: isHealthy(rows), checks: rows })
}

/** Checks by category, hints below each, totals, and the failed ones once more at the end, where eyes are. */
export function checkReport(rows: readonly CheckRow[], options: CheckReportOptions): readonly string[] {
  const shown =
    options.output === 'short' ? rows.filter(row => isProblem(row) || row.status === 'warn') : rows
  const categories = Map.groupBy(shown, options.categoryOf)
  const body = [...categories].flatMap(([category, members]) => [
    options.palette.strong(category),
    '-'.repeat(Math.min(category.length, options.columns)),
    ...members.flatMap(row => rowLines(row, options)),
    '',
  ])
  const failed = rows.filter(row => row.status === 'fail' || row.status === 'error')
  const again =
    failed.length === 0 || options.output === 'short'
      ? []
      : [...failed.map(row => options.palette.bad(`${marks.bad} ${row.id}: ${firstLine(row.detail)}`))]
  return [...body, totals(rows, options.palette), ...again]
}

function rowLines(row: CheckRow, { columns, palette, explained }: CheckReportOptions): readonly string[] {
  const text = (mark: string, paint: (text: string) => string): readonly string[] => [
    `${paint(mark)} ${row.title}`,
  ]
  const where = row.cloud === 'all' ? '' : `${row.cloud}: `
  const detail = row.detail === '' ? [] : wrap(`${where}${row.detail}`, columns, '    ')
  const hints = row.remedy.flatMap(line => wrap(`-> ${line}`, columns, '    '))
  const id = palette.quiet(`    ${row.id}`)
  switch (row.status) {
    case 'pass':
      return [...text(marks.good, palette.good), ...(explained?.(row) ? detail : [])]
    case 'warn':
      return [...text(marks.warn, palette.warn), ...detail, ...hints, id]
    case 'fail':
    case 'error':
      return [...text(marks.bad, palette.bad), ...detail, ...hints, id]
    case 'blocked':
      return [...text(marks.blocked, palette.warn), ...wrap(`blocked: ${row.detail}`, columns, '    ')]
    case 'skipped':
      return [...text(marks.skipped, palette.quiet), ...wrap(`skipped: ${row.detail}`, columns, '    ')]
  }
}

function totals(rows: readonly CheckRow[], palette: Palette): string {
  const count = (...states: readonly CheckRow['status'][]): number =>
    rows.filter(row => states.includes(row.status)).length
  const failed = count('fail', 'error')
  const rest = [
    [count('warn'), 'warned'],
    [count('blocked'), 'blocked'],
    [count('skipped'), 'skipped'],
  ] as const
  const others = rest.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
  const text = [`${failed}/${rows.length} failed`, ...others].join(', ')
  return isHealthy(rows) ? palette.good(`${marks.good} ${text}`) : palette.bad(`${marks.bad} ${text}`)
}

function isProblem(row: CheckRow): boolean {
  return row.status === 'fail' || row.status === 'error' || row.status === 'blocked'
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
