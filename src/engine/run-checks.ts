import type { Check, CheckRow, Finding } from './check.ts'
import { toMlpError } from './failure.ts'
import { buildGraph } from './graph.ts'
import { schedule } from './scheduler.ts'
import type { EngineContext } from './step.ts'

export interface CheckOptions {
  /** How many may run at a time on one cloud. */
  readonly concurrency?: number
  /** For a check that names no deadline of its own. */
  readonly timeoutMs?: number
}

/** At a time, on all clouds together, where they are few; of many, each gets at least its own share. */
const asked = 12
const leastShare = 4

/**
 * Runs every check and answers one row each, in the order given. A check that is too slow or throws is `error`; one
 * whose `after` did not pass (a warning passes) is `blocked`; one that an interrupt kept from running is `skipped`.
 * A check that hangs holds nobody up: its row is given at its deadline, whatever it goes on doing, and as each cloud has
 * its own share of what runs at a time, one that does not answer takes none of the others'. Rejects only for a bug in
 * the list (an id twice, an unknown `after`, a cycle).
 */
export async function runChecks<Ctx extends EngineContext>(
  checks: readonly Check<Ctx>[],
  context: Ctx,
  options: CheckOptions = {},
): Promise<readonly CheckRow[]> {
  const rows = new Map<string, CheckRow>()
  const finish = (
    check: Check<Ctx>,
    status: CheckRow['status'],
    finding: Omit<Finding, 'status'>,
    durationMs = 0,
  ) => {
    const { id, phase, cloud, title } = check
    const remedy = finding.remedy ?? []
    const basis = finding.basis === undefined ? {} : { basis: finding.basis }
    const row = { id, phase, cloud, title, status, detail: finding.detail, remedy, durationMs, ...basis }
    rows.set(id, row)
    context.emit({ type: 'check-finished', check: id, cloud, status, detail: row.detail, remedy })
  }
  const clouds = new Set(checks.map(({ cloud }) => cloud)).size
  const share = options.concurrency ?? Math.max(leastShare, Math.floor(asked / Math.max(clouds, 1)))
  await schedule({
    graph: buildGraph(
      checks.map(check => ({
        id: check.id,
        needs: check.after ?? [],
        limits: [`checks of ${check.cloud}:${share}`],
        check,
      })),
    ),
    concurrency: Number.POSITIVE_INFINITY,
    signal: context.signal,
    async run({ check }) {
      const startedAt = performance.now()
      const finding = await findingOf(check, context, check.timeoutMs ?? options.timeoutMs ?? 30_000)
      finish(check, finding.status, finding, Math.round(performance.now() - startedAt))
      return finding.status === 'pass' || finding.status === 'warn' ? 'ok' : 'failed'
    },
    onBlocked({ check }, cause) {
      finish(check, 'blocked', { detail: `${cause} has to pass first` })
    },
  })
  for (const check of checks) {
    if (!rows.has(check.id)) finish(check, 'skipped', { detail: 'interrupted before its turn' })
  }
  return checks.flatMap(check => rows.get(check.id) ?? [])
}

async function findingOf<Ctx extends EngineContext>(
  check: Check<Ctx>,
  context: Ctx,
  timeoutMs: number,
): Promise<Finding> {
  const deadline = Promise.withResolvers<Finding>()
  const timer = setTimeout(
    () =>
      deadline.resolve({
        status: 'error',
        detail: `no answer within ${timeoutMs / 1000} s`,
        remedy: ['Is the endpoint reachable from here? Look at it, then run the same command again.'],
      }),
    timeoutMs,
  )
  try {
    return await Promise.race([deadline.promise, check.run(context)])
  } catch (thrown) {
    const error = toMlpError(thrown, check.id)
    const detail = [`${error.message} (${error.code})`, error.detail].filter(Boolean).join('\n')
    return { status: 'error', detail, remedy: error.remedy }
  } finally {
    clearTimeout(timer)
  }
}
