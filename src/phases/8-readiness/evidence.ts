import type { CheckId, CheckRow } from '../../engine/check.ts'

/** What one check saw, for an item of the go-live checklist. */
export interface Evidence {
  readonly check: CheckId
  readonly title: string
  readonly status: CheckRow['status']
  readonly detail: string
  readonly remedy: readonly string[]
  /** ISO 8601: when it was seen, or when that was done which the answer rests on. */
  readonly at: string
  /** By which run; undefined where nobody noted it. */
  readonly runId?: string
  /** ISO 8601: when it has to be looked at, or done, again. */
  readonly expiresAt: string
}

const dayMs = 86_400_000

export function evidenceOf(row: CheckRow, now: Date, runId: string, holdsDays: number): Evidence {
  const { id, title, status, detail, remedy, basis } = row
  const at = basis?.at ?? now.toISOString()
  const by = basis === undefined ? runId : basis.runId
  return {
    check: id,
    title,
    status,
    detail,
    remedy,
    at: new Date(at).toISOString(),
    ...(by === undefined ? {} : { runId: by }),
    expiresAt: new Date(Date.parse(at) + holdsDays * dayMs).toISOString(),
  }
}
