import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../engine/events.ts'
import { escapedXml } from './views/junit.ts'

type TestFinished = Extract<Event, { type: 'test-finished' }>

/**
 * Keeps the tests of a run beside its log, as `tests.json` and as JUnit XML: one suite a step. Written anew after each
 * test, so that a run that is killed leaves what it had found out.
 */
export function openTestResults(folder: string): { see(event: Event): void } {
  const results: TestFinished[] = []
  return {
    see(event) {
      if (event.type !== 'test-finished') return
      results.push(event)
      replace(join(folder, 'tests.json'), `${JSON.stringify(results.map(testJson), null, 2)}\n`)
      replace(join(folder, 'tests.xml'), testsXml(results))
    },
  }
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function testJson({ type: _, ...test }: TestFinished) {
  return test
}

function testsXml(results: readonly TestFinished[]): string {
  const suites = [...Map.groupBy(results, ({ step }) => step)].map(([step, members]) => {
    const count = (outcome: TestFinished['outcome']) =>
      members.filter(each => each.outcome === outcome).length
    const skipped = count('skipped') + count('simulated')
    const counts = `tests="${members.length}" failures="${count('failed')}" errors="0" skipped="${skipped}"`
    return [
      `  <testsuite name="${escapedXml(step)}" ${counts} time="${seconds(members)}">`,
      ...members.map(testCase),
      '  </testsuite>',
    ].join('\n')
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`
}

function testCase(test: TestFinished): string {
  const detail = escapedXml(test.detail)
  const name = escapedXml(`${test.test}: ${test.title}`)
  const open = `    <testcase classname="${escapedXml(test.cloud)}" name="${name}" time="${seconds([test])}">`
  const inner = {
    passed: `<system-out>${detail}</system-out>`,
    failed: `<failure message="${detail}">${detail}</failure>`,
    // Not proved is not passed.
    simulated: `<skipped message="simulated: ${detail}"/>`,
    skipped: `<skipped message="${detail}"/>`,
  }[test.outcome]
  return `${open}${inner}</testcase>`
}

function seconds(tests: readonly TestFinished[]): string {
  return (tests.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000).toFixed(3)
}
