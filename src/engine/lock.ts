import { MlpError } from './errors.ts'
import { currentClaim, followClaim, isInForce, rewriteClaim } from './lease-file.ts'
import {
  type Claim,
  describe,
  isDead,
  type LeaseHolder,
  leaseLost,
  lockedBy,
  newHolder,
  tookOver,
} from './lease-holder.ts'

/** Steps follow one another quickly where there is nothing to do; a write waits for the disk. */
const betweenWritesMs = 1_000

export interface LeaseOptions {
  readonly file: string
  /** As typed, for the person who finds the lock. Holds no secrets. */
  readonly command: string
  /** A holder on another host, whose process cannot be looked at, says that it lives this often. */
  readonly renewMs?: number
  readonly now?: () => Date
}

export interface Lease extends AsyncDisposable {
  readonly holder: LeaseHolder
  /** Grows by one with every holder. */
  readonly fence: number
  /** Id of the dead holder that was taken over, and what to tell of it. */
  readonly tookOver: string | undefined
  readonly notice: string | undefined
  /**
   * Names the step at work in the lock, a moment later where another was named just now. Throws MlpError MLP5221 when the
   * lock is no longer ours: begin nothing.
   */
  working(step: string): Promise<void>
  /** The same before a step that only asks the world: it is named a moment later. */
  asking(step: string): Promise<void>
  /** Throws MlpError MLP5224 when it cannot be written; disposal does not: once this process is gone, the next takes over. */
  release(): Promise<void>
}

/**
 * Takes the one lease on a platform. A holder on this host that is proved dead (its pid is gone, or belongs to a
 * process that began at another time) is taken over, with a notice; one on another host never is. Throws MlpError
 * MLP5220 (exit 6), which names the holder and the command that removes it, and MLP5224 when it cannot be written.
 */
export async function acquireLease(options: LeaseOptions): Promise<Lease> {
  const now = options.now ?? (() => new Date())
  let dead: LeaseHolder | undefined
  // Every turn that does not win was won by somebody else, who is then seen as holder, or has already gone again.
  for (let turn = 0; turn < 20; turn++) {
    const claim = await currentClaim(options.file)
    if (claim !== undefined && !claim.holder.released) {
      if (!isDead(claim.holder)) throw lockedBy(claim.holder, now())
      dead = claim.holder
    }
    const mine = newHolder(options.command, now())
    const after = claim?.fence ?? 0
    if (await followClaim(options.file, after, mine)) {
      return holdLease(options, { fence: after + 1, holder: mine }, dead, now)
    }
  }
  throw new MlpError({
    code: 'MLP5220',
    summary: `the lock ${options.file} changes hands too quickly to be taken`,
    remedy: ['Others run mlp on this platform over and over; wait, then run the same command again.'],
  })
}

/** Who holds the lease now; undefined when it is free. Throws MlpError MLP5223 when it cannot be understood. */
export async function readLease(file: string): Promise<LeaseHolder | undefined> {
  const claim = await currentClaim(file)
  return claim === undefined || claim.holder.released ? undefined : claim.holder
}

/**
 * Ends the lease `id`, whoever holds it: for `mlp unlock`. Returns who held it. Throws MlpError MLP5222 (exit 2) when
 * another lease, or none, is there, so that an old id never ends a new lease.
 */
export async function breakLease(file: string, id: string): Promise<LeaseHolder> {
  const claim = await currentClaim(file)
  const held = claim !== undefined && !claim.holder.released
  if (held && claim.holder.id === id) {
    const unlocked = { ...newHolder(`mlp unlock ${id}`, new Date()), released: true }
    if (await followClaim(file, claim.fence, unlocked)) return claim.holder
  }
  throw notTheLock(id, held ? claim.holder : undefined)
}

/** Exit 2: `id` is not the lease that `holder` holds. */
export function notTheLock(id: string, holder: LeaseHolder | undefined): MlpError {
  return new MlpError({
    code: 'MLP5222',
    summary: holder === undefined ? 'nothing is locked' : `the lock is ${holder.id}, not ${id}`,
    detail: holder === undefined ? undefined : `It is held by ${describe(holder)}.`,
    remedy: holder === undefined ? ['Run your command; nothing stops it.'] : [`mlp unlock ${holder.id}`],
  })
}

function holdLease(
  options: LeaseOptions,
  claimed: Claim,
  dead: LeaseHolder | undefined,
  now: () => Date,
): Lease {
  let holder = claimed.holder
  let ended = false
  let last: Promise<void> = Promise.resolve()
  let writtenAtMs = Number.NEGATIVE_INFINITY
  let soon: NodeJS.Timeout | undefined
  const rewrite = (): Promise<void> => {
    const next = last.then(async () => {
      if (ended) return
      clearTimeout(soon)
      soon = undefined
      holder = { ...holder, renewedAt: now().toISOString() }
      if (!(await rewriteClaim(options.file, { fence: claimed.fence, holder }))) throw leaseLost(holder)
      writtenAtMs = performance.now()
    })
    last = next.catch(() => undefined)
    return next
  }
  // A renewal that fails is met again, and told, by working() before the next step; it is no reason to stop this one.
  const renew = () => void rewrite().catch(() => undefined)
  const timer = setInterval(renew, options.renewMs ?? 20_000)
  timer.unref()
  const named = async (step: string, waitMs: number): Promise<void> => {
    holder = { ...holder, step }
    if (!(await isInForce(options.file, claimed.fence))) throw leaseLost(holder)
    soon ??= setTimeout(renew, waitMs).unref()
  }
  const working = async (step: string): Promise<void> => {
    const waitMs = writtenAtMs + betweenWritesMs - performance.now()
    if (waitMs > 0) return await named(step, waitMs)
    holder = { ...holder, step }
    await rewrite()
  }
  const release = async (): Promise<void> => {
    clearInterval(timer)
    clearTimeout(soon)
    await last
    if (ended) return
    ended = true
    await rewriteClaim(options.file, { fence: claimed.fence, holder: { ...holder, released: true } })
  }
  return {
    holder: claimed.holder,
    fence: claimed.fence,
    tookOver: dead?.id,
    notice: dead === undefined ? undefined : tookOver(dead),
    working,
    asking: step => named(step, betweenWritesMs),
    release,
    [Symbol.asyncDispose]: () => release().catch(() => undefined),
  }
}
