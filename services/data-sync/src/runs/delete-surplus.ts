import { type DeletionLimit, mostDeletions } from '../plan/deletion-limit.ts'
import { isPortable } from '../plan/filter.ts'
import { listAll } from '../plan/list-all.ts'
import { merge } from '../plan/merge.ts'
import { retry } from '../retry.ts'
import { StoreError } from '../stores/store-error.ts'
import type { SyncOptions } from './sync-options.ts'
import { createTasks } from './tasks.ts'

/**
 * Deletes at one destination what the source lacks, after looking again at both: an object that came to the source
 * meanwhile stays. `surplus` is what the first look counted. Returns why nothing, or not everything, was deleted.
 */
export async function deleteSurplus(
  { copy, progress, dryRun, slots, record }: SyncOptions,
  limit: DeletionLimit,
  target: number,
  surplus: number,
  touches: (key: string) => boolean,
): Promise<readonly string[]> {
  const counts = progress.destinations[target]
  if (counts === undefined) throw new RangeError(`no destination ${target}`)
  if (counts.failed > 0) return [`nothing was deleted at ${counts.location}: first every copy must succeed`]
  const most = mostDeletions(counts.present, limit)
  const refusal = `${surplus} of ${counts.present} objects would be deleted at ${counts.location}, and the job's maxRatio ${limit.maxRatio} allows ${most}`
  if (surplus > most) return [`nothing was deleted: ${refusal}`]

  const { policy, signal } = copy
  const store = copy.destination(target)
  const tasks = createTasks(slots, signal)
  let begun = 0
  let failed = 0
  try {
    const source = listAll(copy.source, policy, tasks.signal)
    for await (const { key, source: original, copies } of merge(source, [
      listAll(store, policy, tasks.signal),
    ])) {
      const [copied] = copies
      if (original !== undefined || copied === undefined || !touches(key) || !isPortable(key)) continue
      // More went missing at the source since it was counted.
      if (begun === most) return [`deleting stopped after ${most}: ${refusal}`]
      begun++
      await tasks.start(async task => {
        const result = { destination: target, key, action: 'delete', bytes: copied.bytes } as const
        try {
          if (!dryRun) await retry(policy, task, attempt => store.delete(key, attempt))
          counts.deleted++
          await record({ ...result, outcome: dryRun ? 'planned' : 'done' })
        } catch (error) {
          if (!(error instanceof StoreError)) throw error
          failed++
          await record({ ...result, outcome: 'failed', reason: error.message })
        }
      })
    }
  } finally {
    await tasks.finish()
  }
  return failed === 0 ? [] : [`${failed} objects could not be deleted at ${counts.location}`]
}
