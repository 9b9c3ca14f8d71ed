import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event } from '../engine/events.ts'
import { suitesXml } from './views/junit.ts'

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
  return suitesXml(
    Map.groupBy(results, ({ step }) => step),
    ({ cloud, test, title, outcome, detail, durationMs }) => {
      const ends = {
        passed: { as: 'passed', output: detail },
        failed: { as: 'failure', message: detail, output: detail },
        // Not proved is not passed.
        simulated: { as: 'skipped', message: `simulated: ${detail}` },
        skipped: { as: 'skipped', message: detail },
      } as const
      return { classname: cloud, name: `${test}: ${title}`, durationMs, end: ends[outcome] }
    },
  )
}
