import { copyObject } from '../copy/copy-object.ts'
import { compare } from '../plan/compare.ts'
import { createFilter, isPortable } from '../plan/filter.ts'
import { listAll } from '../plan/list-all.ts'
import { type Entry, merge } from '../plan/merge.ts'
import { retry } from '../retry.ts'
import type { StoredObject } from '../stores/store.ts'
import { deleteSurplus } from './delete-surplus.ts'
import type { DestinationProgress, RunProgress } from './run-progress.ts'
import type { SyncOptions } from './sync-options.ts'
import { createTasks } from './tasks.ts'

/**
 * Brings the destinations in step with the source, once. Returns what went wrong, in words, or nothing. Objects are
 * copied while the listings are still being read; deletions come last, after a second look, and only when every copy
 * to that destination succeeded.
 */
export async function sync(options: SyncOptions): Promise<readonly string[]> {
  const { spec, copy, progress, slots } = options
  const { policy, signal } = copy
  const touches = createFilter(spec)
  const stores = progress.destinations.map((_, target) => copy.destination(target))
  const surplus = stores.map(() => 0)

  const tasks = createTasks(slots, signal)
  const listings = stores.map(store => listAll(store, policy, tasks.signal))
  try {
    for await (const entry of merge(listAll(copy.source, policy, tasks.signal), listings)) {
      if (!touches(entry.key)) continue
      if (!isPortable(entry.key)) {
        if (entry.source !== undefined) await skipEverywhere(options, entry.source)
        continue
      }
      for (const [target, copied] of entry.copies.entries()) {
        if (copied === undefined) continue
        of(progress, target).present++
        if (entry.source === undefined) surplus[target] = (surplus[target] ?? 0) + 1
      }
      const { source } = entry
      if (source === undefined) continue
      progress.listed++
      const open = openQuestions(options, source, entry)
      if (open.length > 0) await tasks.start(task => bringOver(options, source, open, task))
    }
  } finally {
    await tasks.finish()
  }

  progress.phase = 'deleting'
  const problems = progress.destinations.flatMap(({ failed, location }) =>
    failed === 0 ? [] : [`${failed} objects could not be copied to ${location}`],
  )
  for (const [target, extra] of surplus.entries()) {
    if (spec.deletions === undefined || extra === 0) continue
    problems.push(...(await deleteSurplus(options, spec.deletions, target, extra, touches)))
  }
  progress.phase = 'finished'
  return problems
}

/** A destination that needs a copy, or that has one whose listing tells too little. */
interface Question {
  readonly target: number
  readonly unknown: StoredObject | undefined
}

function openQuestions({ progress }: SyncOptions, source: StoredObject, entry: Entry): readonly Question[] {
  return entry.copies.flatMap((copied, target): readonly Question[] => {
    const comparison = copied === undefined ? 'different' : compare(source, copied)
    if (comparison === 'same') of(progress, target).inStep++
    if (comparison === 'unknown') return [{ target, unknown: copied }]
    return comparison === 'same' ? [] : [{ target, unknown: undefined }]
  })
}

async function bringOver(
  options: SyncOptions,
  source: StoredObject,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<void> {
  const { copy, progress, dryRun, record } = options
  const answers = await Promise.all(
    questions.map(async ({ target, unknown }) => {
      if (unknown === undefined) return [target]
      const copied = await retry(copy.policy, signal, attempt =>
        copy.destination(target).describe(source.key, attempt),
      )
      if (copied === undefined || compare(source, copied) !== 'same') return [target]
      of(progress, target).inStep++
      return []
    }),
  )
  const targets = answers.flat()
  if (targets.length === 0) return
  const base = { key: source.key, action: 'copy', bytes: source.bytes } as const
  if (dryRun) {
    for (const target of targets) {
      of(progress, target).copied++
      await record({ ...base, destination: target, outcome: 'planned' })
    }
    return
  }
  for (const result of await copyObject({ ...copy, signal }, source, targets)) {
    const { target } = result
    const counts = of(progress, target)
    if (result.outcome === 'copied') {
      counts.copied++
      counts.bytesThere += result.bytesThere
      await record({ ...base, destination: target, outcome: 'done', contentHash: result.contentHash })
      continue
    }
    // The source moved on while it was copied: nothing is wrong, and the next run takes it.
    const outcome = result.error.kind === 'changed' ? 'skipped' : 'failed'
    counts[outcome]++
    await record({ ...base, destination: target, outcome, reason: result.error.message })
  }
}

async function skipEverywhere(
  { progress, record }: SyncOptions,
  { key, bytes }: StoredObject,
): Promise<void> {
  const reason = 'not every store can hold this key'
  for (const [destination, counts] of progress.destinations.entries()) {
    counts.skipped++
    await record({ key, bytes, destination, action: 'copy', outcome: 'skipped', reason })
  }
}

function of(progress: RunProgress, target: number): DestinationProgress {
  const counts = progress.destinations[target]
  if (counts === undefined) throw new RangeError(`no destination ${target}`)
  return counts
}
