const stepMs = 5 * 60_000
const dayMs = 86_400_000

/**
 * To which moments a managed database can be restored: the clouds ship its log every five minutes, and keep it for as
 * long as they were told. Simulated: no log is kept, and whatever moment is asked for, what is copied is what there is now.
 */
export function restorable(
  createdAt: string,
  retentionDays: number,
  now = Date.now(),
): { readonly earliest: string; readonly latest: string } | undefined {
  const made = Date.parse(createdAt)
  if (retentionDays <= 0 || Number.isNaN(made)) return undefined
  const iso = (time: number) => new Date(time).toISOString()
  return {
    earliest: iso(Math.max(made, now - retentionDays * dayMs)),
    latest: iso(Math.max(made, Math.floor(now / stepMs) * stepMs)),
  }
}
