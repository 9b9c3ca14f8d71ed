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
  return suitesXml(
    Map.groupBy(rows, ({ phase }) => `phase ${phase}`),
    row => {
      const { cloud, id, title, status, detail: message, durationMs } = row
      const output = [message, ...row.remedy].join('\n')
      const ends = {
        pass: { as: 'passed' },
        warn: { as: 'passed', output },
        fail: { as: 'failure', message, output },
        error: { as: 'error', message, output },
        blocked: { as: 'skipped', message },
        skipped: { as: 'skipped', message },
      } as const
      return { classname: cloud, name: `${id} ${title}`, durationMs, end: ends[status] }
    },
  )
}

interface JunitCase {
  readonly classname: string
  readonly name: string
  readonly durationMs: number
  readonly end:
    | { readonly as: 'passed'; readonly output?: string }
    | { readonly as: 'failure' | 'error'; readonly message: string; readonly output: string }
    | { readonly as: 'skipped'; readonly message: string }
}

/** JUnit XML of groups of whatever is one test case each, by the name of their suite. */
export function suitesXml<Row>(
  groups: ReadonlyMap<string, readonly Row[]>,
  caseOf: (row: Row) => JunitCase,
): string {
  const suites = [...groups].map(([name, rows]) => {
    const cases = rows.map(caseOf)
    const count = (as: JunitCase['end']['as']): number => cases.filter(({ end }) => end.as === as).length
    const counts = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}"`
    return [
      `  <testsuite name="${escapedXml(name)}" ${counts} time="${seconds(cases)}">`,
      ...cases.map(caseXml),
      '  </testsuite>',
    ].join('\n')
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`
}

function caseXml(row: JunitCase): string {
  const open = `    <testcase classname="${escapedXml(row.classname)}" name="${escapedXml(row.name)}" time="${seconds([row])}">`
  return `${open}${endXml(row.end)}</testcase>`
}

function endXml(end: JunitCase['end']): string {
  switch (end.as) {
    case 'passed':
      return end.output === undefined ? '' : `<system-out>${escapedXml(end.output)}</system-out>`
    case 'skipped':
      return `<skipped message="${escapedXml(end.message)}"/>`
    default:
      return `<${end.as} message="${escapedXml(end.message)}">${escapedXml(end.output)}</${end.as}>`
  }
}

function seconds(cases: readonly JunitCase[]): string {
  return (cases.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000).toFixed(3)
}

/** XML 1.0 has no way to write most control characters, so they are left out. */
function escapedXml(text: string): string {
  return plainText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;')
}
