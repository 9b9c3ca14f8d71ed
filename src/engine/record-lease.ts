import * as z from 'zod'
import { MlpError } from './errors.ts'
import { parseJson } from './json.ts'
import {
  type Claim,
  holderSchema,
  isDeadHere,
  type LeaseHolder,
  leaseLost,
  lockedBy,
  tookOver,
  type Whereabouts,
} from './lease-holder.ts'
import type { RecordStore } from './record-store.ts'

const document = 'lease.json'
const leaseSchema = z.strictObject({
  schemaVersion: z.literal(1),
  fence: z.int(),
  holder: holderSchema,
  lentTo: z.string().optional(),
  lender: holderSchema.optional(),
})

/** Google Cloud Storage takes one write a second to the same object. https://cloud.google.com/storage/quotas */
const betweenWritesMs = 2_000
/** To ask the world harms nobody, so what was known this long ago will do. */
const freshEnoughToAskMs = 5_000

export interface SharedLeaseOptions {
  readonly store: RecordStore
  /** Who takes it: the same as holds the lock on this host. */
  readonly holder: LeaseHolder
  /** Id of a holder that this host's own lock has just proved dead, and told so. */
  readonly knownDead?: string | undefined
  /** The fencing number to exceed at least, whatever the store remembers. */
  readonly above?: number
  /** What this run calls itself to who lends it the lease: `github:<owner>/<name>`. */
  readonly borrower?: string | undefined
  readonly renewMs?: number
  readonly here?: Whereabouts
  readonly now?: () => Date
  readonly signal: AbortSignal
}

export interface SharedLease {
  /** Grows with every holder. */
  readonly fence: number
  /**
   * The same lease under a number above `fence`. Throws MlpError MLP5221 when it is no longer ours: one that was lost is
   * never taken again by the run that lost it.
   */
  raise(fence: number): Promise<void>
  /** Set when a dead holder was taken over that nobody has told of yet. */
  readonly notice: string | undefined
  /**
   * Asks whether the lease is still ours, and names the step in it a little later. Throws MlpError MLP5221 when it is
   * not, and what the store throws when it cannot be asked: begin nothing, in both cases.
   */
  working(step: string): Promise<void>
  /** The same before a step that only asks the world: where the lease was seen to be ours just now, that will do. */
  asking(step: string): Promise<void>
  /**
   * Lets a run that calls itself `to` have it; until `reclaim` this run may do nothing under it. Throws MLP5221 when it
   * is no longer ours.
   */
  lend(to: string): Promise<void>
  /**
   * Takes it back, whether or not the borrower gave it back: the caller knows that they have ended. Returns false, and
   * leaves it to who has it, when `unlessAtWork` is set and they are at work; they then give it up instead of back.
   * Throws MLP5221 when others than the borrower have it.
   */
  reclaim(signal: AbortSignal, unlessAtWork: boolean): Promise<boolean>
  /** Throws what the store throws; the lease then stays until this process is proved dead, or until `mlp unlock`. */
  release(signal: AbortSignal): Promise<void>
}

/**
 * Takes the one lease of all machines on a platform; undefined when nothing can be kept in the store yet. A holder is
 * taken over only when it is proved dead: never because of time, since a machine that sleeps wakes up again in the
 * middle of a step. Throws MlpError MLP5220 (exit 6), which names the holder, and MLP5223 when what is there cannot be
 * understood.
 */
export async function acquireSharedLease(options: SharedLeaseOptions): Promise<SharedLease | undefined> {
  const { store, holder: mine, signal } = options
  const now = options.now ?? (() => new Date())
  let dead: LeaseHolder | undefined
  let tried: number | undefined
  // Every turn that does not win was won by somebody else, who is then seen as holder, or has already gone again.
  for (let turn = 0; turn < 20; turn++) {
    const found = await readClaim(store, signal)
    if (found === undefined) return undefined
    const { claim, version } = found
    // Two claims since we wrote: the first may have been ours, its answer lost while this machine slept, and unlocked.
    if (tried !== undefined && (claim?.fence ?? 0) > tried && claim?.holder.released) break
    const borrowed = claim !== undefined && isLentTo(claim, options.borrower)
    if (claim !== undefined && !claim.holder.released && !borrowed) {
      const { holder, fence } = claim
      // The answer to our own write was lost.
      if (holder.id === mine.id && version !== undefined) {
        return holdSharedLease(options, { ...claim, fence, holder }, version, dead, now)
      }
      if (holder.id !== options.knownDead && !isDeadHere(holder, options.here)) {
        throw lockedBy(holder, now(), `${store.place}/${document}`)
      }
      dead = holder.id === options.knownDead ? undefined : holder
    }
    const next: Claim = {
      fence: Math.max(claim?.fence ?? 0, options.above ?? 0) + 1,
      holder: mine,
      ...(borrowed ? { lentTo: claim.lentTo, lender: claim.holder } : {}),
    }
    const written = await store.write(document, textOf(next), version, signal)
    if (written !== undefined) return holdSharedLease(options, next, written, dead, now)
    tried = next.fence
  }
  throw new MlpError({
    code: 'MLP5220',
    summary: `the lock ${store.place}/${document} changes hands too quickly to be taken`,
    remedy: ['Others run mlp on this platform over and over; wait, then run the same command again.'],
  })
}

/** A borrower who is at work has it already: of two, the second waits. */
function isLentTo({ holder, lentTo, lender }: Claim, borrower: string | undefined): boolean {
  return borrower !== undefined && lentTo === borrower && lender === undefined && !holder.released
}

/** Who holds the lease of all machines now; undefined when it is free. Throws MlpError MLP5223. */
export async function readSharedLease(
  store: RecordStore,
  signal: AbortSignal,
): Promise<LeaseHolder | undefined> {
  const holder = (await readClaim(store, signal))?.claim?.holder
  return holder === undefined || holder.released ? undefined : holder
}

/** Ends the lease `id`, for `mlp unlock`. Returns who held it; undefined when it is not `id` that holds it. */
export async function breakSharedLease(
  store: RecordStore,
  id: string,
  by: LeaseHolder,
  signal: AbortSignal,
): Promise<LeaseHolder | undefined> {
  // A holder that lives renews it meanwhile: then once more.
  for (let turn = 0; turn < 20; turn++) {
    const found = await readClaim(store, signal)
    const claim = found?.claim
    if (found === undefined || claim === undefined || claim.holder.released) return undefined
    if (claim.holder.id !== id) return undefined
    const unlocked = { fence: claim.fence + 1, holder: { ...by, released: true } }
    if ((await store.write(document, textOf(unlocked), found.version, signal)) !== undefined) {
      return claim.holder
    }
  }
  return undefined
}

function holdSharedLease(
  options: SharedLeaseOptions,
  claimed: Claim,
  claimedVersion: string,
  dead: LeaseHolder | undefined,
  now: () => Date,
): SharedLease {
  const { store } = options
  const life = new AbortController()
  let { fence, holder, lender } = claimed
  const { lentTo: onLoan } = claimed
  let lentTo: string | undefined
  let version: string | undefined = claimedVersion
  let writtenAtMs = now().getTime()
  let soon: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let seenAtMs = writtenAtMs
  let looking: Promise<unknown> | undefined

  /** The lease as it is now, ours, under one of these numbers. Throws when it no longer is. */
  const ask = async (signal: AbortSignal, fences: readonly number[]): Promise<FoundClaim> => {
    const found = await readClaim(store, signal)
    const claim = found?.claim
    if (found === undefined || claim === undefined) throw leaseLost(holder)
    if (!fences.includes(claim.fence) || claim.holder.id !== holder.id) throw leaseLost(holder, claim.holder)
    seenAtMs = now().getTime()
    return found
  }
  const write = async (change: Partial<LeaseHolder>, signal: AbortSignal, under = fence): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) {
      holder = { ...holder, ...change, renewedAt: now().toISOString() }
      const text = textOf({
        fence: under,
        holder,
        ...(lender === undefined ? {} : { lender, lentTo: onLoan }),
        ...(lentTo === undefined ? {} : { lentTo }),
      })
      const written = await store.write(document, text, version, signal)
      writtenAtMs = now().getTime()
      const found = written === undefined ? await ask(signal, [fence, under]) : undefined
      version = written ?? found?.version
      // Who lent it may have gone meanwhile.
      lender = found?.claim?.lender ?? lender
      // Refused, it may have arrived before, and only the answer was lost.
      if (found === undefined || found.text === text) {
        fence = under
        seenAtMs = now().getTime()
        return
      }
    }
    throw new MlpError({
      code: 'MLP5227',
      summary: `the lock ${store.place}/${document} cannot be written`,
      detail: 'It is ours, yet every write finds another version of it.',
      remedy: ['Run the same command again.'],
    })
  }
  /** What cannot be written now is met again, and told, by working(); it is no reason to stop the step at work. */
  const renew = (): void => {
    if (soon !== undefined || lentTo !== undefined) return
    const waitMs = Math.max(0, writtenAtMs + betweenWritesMs - now().getTime())
    soon = setTimeout(() => {
      soon = undefined
      writing = writing.then(() => write({}, life.signal)).catch(() => undefined)
    }, waitMs)
    soon.unref()
  }
  const timer = setInterval(renew, options.renewMs ?? 60_000)
  timer.unref()
  const working = async (step: string): Promise<void> => {
    // Steps that begin together are told by one answer; one that was asked for earlier is too old for a later step.
    looking ??= Promise.resolve().then(() => {
      looking = undefined
      return ask(options.signal, [fence])
    })
    await looking
    holder = { ...holder, step }
    renew()
  }

  /** To who lent it, under a number of its own. */
  const giveBack = async (signal: AbortSignal): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) {
      const found = await ask(signal, [fence])
      const owner = found.claim?.lender
      if (owner === undefined) return
      const back: Claim = { fence: fence + 1, holder: owner, ...(owner.released ? {} : { lentTo: onLoan }) }
      if ((await store.write(document, textOf(back), found.version, signal)) !== undefined) return
    }
  }

  return {
    get fence() {
      return fence
    },
    notice: dead === undefined ? undefined : tookOver(dead),
    async lend(to) {
      clearTimeout(soon)
      soon = undefined
      await writing
      lentTo = to
      await write({}, options.signal)
    },
    async reclaim(signal, unlessAtWork) {
      for (let turn = 0; turn < 20; turn++) {
        const found = await readClaim(store, signal)
        const claim = found?.claim
        if (found === undefined || claim === undefined) throw leaseLost(holder)
        const isBorrowed = claim.lender?.id === holder.id
        if (claim.holder.id !== holder.id && !isBorrowed) throw leaseLost(holder, claim.holder)
        const giveUp = isBorrowed && unlessAtWork
        const next: Claim = giveUp
          ? { ...claim, lender: { ...holder, released: true } }
          : { fence: isBorrowed ? claim.fence + 1 : claim.fence, holder }
        const written = await store.write(document, textOf(next), found.version, signal)
        if (written === undefined) continue
        if (giveUp) return false
        lentTo = undefined
        fence = next.fence
        version = written
        writtenAtMs = seenAtMs = now().getTime()
        return true
      }
      throw leaseLost(holder)
    },
    raise: above => write({}, options.signal, Math.max(fence, above) + 1),
    working,
    async asking(step) {
      const ageMs = now().getTime() - seenAtMs
      if (ageMs < 0 || ageMs > freshEnoughToAskMs) return await working(step)
      holder = { ...holder, step }
      renew()
    },
    async release(signal) {
      clearInterval(timer)
      clearTimeout(soon)
      life.abort()
      await writing
      try {
        if (lender === undefined) await write({ released: true }, signal)
        else await giveBack(signal)
      } catch (error) {
        // Somebody unlocked it: there is nothing left to give back.
        if (!(error instanceof MlpError && error.code === 'MLP5221')) throw error
      }
    },
  }
}

interface FoundClaim {
  readonly claim: Claim | undefined
  readonly text?: string
  readonly version: string | undefined
}

async function readClaim(store: RecordStore, signal: AbortSignal): Promise<FoundClaim | undefined> {
  const found = await store.read(document, signal)
  if (found.state === 'no-store') return undefined
  if (found.state === 'absent') return { claim: undefined, version: undefined }
  const parsed = leaseSchema.safeParse(parseJson(found.text))
  if (parsed.success) return { ...found, claim: parsed.data }
  throw new MlpError({
    code: 'MLP5223',
    summary: `the lock ${store.place}/${document} cannot be understood`,
    detail: 'It was damaged, or another version of mlp holds it.',
    remedy: [
      'Make sure that no mlp runs on this platform, then remove that object with the cloud’s own CLI.',
    ],
  })
}

function textOf(claim: Claim): string {
  return `${JSON.stringify({ schemaVersion: 1, ...claim }, null, 2)}\n`
}
