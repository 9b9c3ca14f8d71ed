import type { Job, Run } from '../records.ts'
import { interpolate, isTruthy, type Scope, settingValue } from './expressions.ts'

type Setting = { readonly group: string; readonly 'cancel-in-progress': boolean | string }
type Group = NonNullable<Run['concurrency']>

export function groupOf(setting: Setting, scope: Scope): Group {
  return {
    group: interpolate(setting.group, scope),
    cancel: isTruthy(settingValue(setting['cancel-in-progress'], scope)),
  }
}

/** Whether a run has to wait for another of its group, and which of them end because of it. */
export function settleConcurrency(
  run: Run,
  all: readonly Run[],
): { readonly waits: boolean; readonly cancel: readonly number[] } {
  const others = all.filter(
    one => one.id !== run.id && one.status !== 'completed' && sameGroup(one.concurrency, run.concurrency),
  )
  const at = others.filter(one => one.status === 'in_progress' || one.status === 'waiting')
  // Of those that wait only the newest stays.
  const older = others.filter(one => one.id < run.id && !at.includes(one))
  const newer = others.some(one => one.id > run.id && !at.includes(one))
  if (newer && at.length > 0) return { waits: true, cancel: [run.id] }
  const isFirst = older.length === 0
  if (at.length === 0) return { waits: !isFirst, cancel: [] }
  return {
    waits: true,
    cancel: [...older, ...(run.concurrency?.cancel === true ? at.filter(one => !one.cancelling) : [])].map(
      one => one.id,
    ),
  }
}

/** The same among jobs. */
export function blockedBy(
  job: Job,
  all: readonly Job[],
): { readonly waits: boolean; readonly cancel: readonly Job[] } {
  if (job.concurrency === null) return { waits: false, cancel: [] }
  const others = all.filter(
    one => one.id !== job.id && one.status !== 'completed' && sameGroup(one.concurrency, job.concurrency),
  )
  const at = others.filter(one => one.status === 'in_progress')
  const older = others.filter(one => one.id < job.id && one.status !== 'in_progress')
  if (at.length === 0) return { waits: older.length > 0, cancel: [] }
  return { waits: true, cancel: [...older, ...(job.concurrency.cancel ? at : [])] }
}

/** Names are the same whatever their case. */
function sameGroup(one: Group | null, other: Group | null): boolean {
  return one !== null && other !== null && one.group.toLowerCase() === other.group.toLowerCase()
}
