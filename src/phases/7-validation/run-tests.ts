import { MlpError } from '../../engine/errors.ts'
import type { StepId } from '../../engine/step.ts'
import type { Context } from '../phase.ts'
import { failed, type Outcome, skipped } from './outcome.ts'

export interface ValidationTest<Bench> {
  /** kebab-case */
  readonly name: string
  /** What has to hold. */
  readonly title: string
  /** Skipped, not failed, when one of these did not pass. */
  readonly after?: readonly string[]
  readonly deadlineMs?: number
  /** The signal is aborted at the deadline. */
  run(bench: Bench, signal: AbortSignal): Promise<Outcome>
}

export interface TestResult {
  readonly name: string
  readonly cloud: string
  readonly outcome: Outcome
}

interface Where {
  readonly step: StepId
  readonly cloud: string
}

/** For what never comes: a machine that is busy elsewhere takes a minute for what is a second’s work. */
const defaultDeadlineMs = 180_000

/**
 * One after the other, each to its end whatever the others found, and told as it ends. A test that throws, or that does
 * not end in its time, has failed; only an interrupt ends them all.
 */
export async function runTests<Bench>(
  context: Pick<Context, 'signal' | 'emit'>,
  where: Where,
  tests: readonly ValidationTest<Bench>[],
  bench: Bench,
): Promise<readonly TestResult[]> {
  const results: TestResult[] = []
  for (const test of tests) {
    context.signal.throwIfAborted()
    const startedAt = performance.now()
    const missing = (test.after ?? []).find(name => !hasPassed(results, name))
    const outcome =
      missing === undefined
        ? await runOne(context.signal, test, bench)
        : skipped(`it needs ${missing}, which did not pass`)
    context.signal.throwIfAborted()
    results.push({ name: test.name, cloud: where.cloud, outcome })
    context.emit({
      type: 'test-finished',
      ...where,
      test: test.name,
      title: test.title,
      outcome: outcome.state,
      detail: detailOf(outcome),
      ...(outcome.state === 'failed' ? { expected: outcome.expected, got: outcome.got } : {}),
      durationMs: performance.now() - startedAt,
    })
  }
  return results
}

export function detailOf(outcome: Outcome): string {
  return outcome.state === 'failed' ? `expected ${outcome.expected}; got ${outcome.got}` : outcome.detail
}

function hasPassed(results: readonly TestResult[], name: string): boolean {
  return results.some(result => result.name === name && result.outcome.state === 'passed')
}

async function runOne<Bench>(
  interrupt: AbortSignal,
  test: ValidationTest<Bench>,
  bench: Bench,
): Promise<Outcome> {
  const deadlineMs = test.deadlineMs ?? defaultDeadlineMs
  const controller = new AbortController()
  const signal = AbortSignal.any([interrupt, controller.signal])
  const late = Promise.withResolvers<Outcome>()
  const timer = setTimeout(() => {
    late.resolve(failed(`${test.title}, within ${deadlineMs / 1000} s`, 'nothing in that time'))
    controller.abort(new Error(`the test did not end within ${deadlineMs / 1000} s`))
  }, deadlineMs)
  const run = test.run(bench, signal).catch((error: unknown) => failed(test.title, describe(error)))
  try {
    // Whoever does not heed the signal is not waited for.
    return await Promise.race([run, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function describe(error: unknown): string {
  if (error instanceof MlpError)
    return error.detail === undefined ? error.message : `${error.message}: ${error.detail}`
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return error instanceof Error ? `${error.message}${cause}` : String(error)
}
