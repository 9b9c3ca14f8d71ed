import { writeFile } from 'node:fs/promises'
import type { CheckRow } from '../../engine/check.ts'
import { MlpError } from '../../engine/errors.ts'
import { plainText } from './text.ts'

/**
 * Writes the rows as JUnit XML: one suite a phase; warnings pass, with their detail as output; blocked and skipped ones
 * are skipped. Throws MlpError MLP5226 (exit 2) when the file cannot be written.
 */
export async function writeJunit(file: string, rows: readonly CheckRow[]): Promise<void> {
  try {
    await writeFile(file, junitXml(rows))
  } catch (error) {
    throw new MlpError({
      code: 'MLP5226',
      summary: `the JUnit report ${file} cannot be written`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: ['Give --junit a file in a folder that exists and is writable.'],
      cause: error,
    })
  }
}

export function junitXml(rows: readonly CheckRow[]): string {
  const suites = [...Map.groupBy(rows, ({ phase }) => phase)].map(([phase, members]) => {
    const count = (...states: readonly CheckRow['status'][]): number =>
      members.filter(({ status }) => states.includes(status)).length
    const counts = `tests="${members.length}" failures="${count('fail')}" errors="${count('error')}" skipped="${count('blocked', 'skipped')}"`
    return [
      `  <testsuite name="phase ${phase}" ${counts} time="${seconds(members)}">`,
      ...members.map(testCase),
      '  </testsuite>',
    ].join('\n')
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`
}

function testCase(row: CheckRow): string {
  const body = escapedXml([row.detail, ...row.remedy].join('\n'))
  const open = `    <testcase classname="${escapedXml(row.cloud)}" name="${escapedXml(`${row.id} ${row.title}`)}" time="${seconds([row])}">`
  const inner = {
    pass: '',
    warn: `<system-out>${body}</system-out>`,
    fail: `<failure message="${escapedXml(row.detail)}">${body}</failure>`,
    error: `<error message="${escapedXml(row.detail)}">${body}</error>`,
    blocked: `<skipped message="${escapedXml(row.detail)}"/>`,
    skipped: `<skipped message="${escapedXml(row.detail)}"/>`,
  }[row.status]
  return `${open}${inner}</testcase>`
}

function seconds(rows: readonly CheckRow[]): string {
  return (rows.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000).toFixed(3)
}

/** XML 1.0 has no way to write most control characters, so they are left out. */
export function escapedXml(text: string): string {
  return plainText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
}
