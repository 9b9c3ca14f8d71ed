import { randomUUID } from 'node:crypto'
import { hostname, userInfo } from 'node:os'
import { ago } from './durations.ts'
import { exitCodes, MlpError } from './errors.ts'
import { type Claim, currentClaim, followClaim, type LeaseHolder, rewriteClaim } from './lease-file.ts'
import { processStartedAt } from './process-identity.ts'

export interface LeaseOptions {
  readonly file: string
  /** As typed, for the person who finds the lock. Holds no secrets. */
  readonly command: string
  /** A holder on another host, whose process cannot be looked at, says that it lives this often. */
  readonly renewMs?: number
  readonly now?: () => Date
}

export interface Lease extends AsyncDisposable {
  readonly id: string
  /** Grows by one with every holder. */
  readonly fence: number
  /** Set when a dead holder was taken over: what to tell. */
  readonly notice: string | undefined
  /** Names the step at work in the lock. Throws MlpError MLP5221 when the lock is no longer ours: begin nothing. */
  working(step: string): Promise<void>
  release(): Promise<void>
}

/**
 * Takes the one lease on a platform. A holder on this host that is proved dead (its pid is gone, or belongs to a
 * process that began at another time) is taken over, with a notice; one on another host never is. Throws MlpError
 * MLP5220 (exit 6), which names the holder and the command that removes it, and MLP5224 when it cannot be written.
 */
export async function acquireLease(options: LeaseOptions): Promise<Lease> {
  const now = options.now ?? (() => new Date())
  let notice: string | undefined
  // Every turn that does not win was won by somebody else, who is then seen as holder, or has already gone again.
  for (let turn = 0; turn < 20; turn++) {
    const claim = await currentClaim(options.file)
    if (claim !== undefined && !claim.holder.released) {
      if (!isDead(claim.holder)) throw locked(claim.holder, now())
      notice = `took over the lock of ${describe(claim.holder)}, which is no longer running`
    }
    const mine = newHolder(options.command, now())
    const after = claim?.fence ?? 0
    if (await followClaim(options.file, after, mine)) {
      return holdLease(options, { fence: after + 1, holder: mine }, notice, now)
    }
  }
  throw new MlpError({
    code: 'MLP5220',
    summary: `the lock ${options.file} changes hands too quickly to be taken`,
    remedy: ['Others run mlp on this platform over and over; wait, then run the same command again.'],
    exitCode: exitCodes.locked,
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
  throw new MlpError({
    code: 'MLP5222',
    summary: held ? `the lock is ${claim.holder.id}, not ${id}` : 'nothing is locked',
    detail: held ? `It is held by ${describe(claim.holder)}.` : undefined,
    remedy: held ? [`mlp unlock ${claim.holder.id}`] : ['Run your command; nothing stops it.'],
    exitCode: exitCodes.usage,
  })
}

/** Proved dead: it ran on this host, and its process is gone. Anything else may live. */
export function isDead(holder: LeaseHolder): boolean {
  return holder.host === hostname() && processStartedAt(holder.pid) !== holder.processStartedAt
}

function holdLease(
  options: LeaseOptions,
  claimed: Claim,
  notice: string | undefined,
  now: () => Date,
): Lease {
  let holder = claimed.holder
  let ended = false
  let last: Promise<void> = Promise.resolve()
  const rewrite = (change: Partial<LeaseHolder>): Promise<void> => {
    const next = last.then(async () => {
      if (ended) return
      holder = { ...holder, ...change, renewedAt: now().toISOString() }
      if (!(await rewriteClaim(options.file, { fence: claimed.fence, holder }))) throw lost(holder)
    })
    last = next.catch(() => undefined)
    return next
  }
  // A renewal that fails is met again, and told, by working() before the next step; it is no reason to stop this one.
  const timer = setInterval(() => void rewrite({}).catch(() => undefined), options.renewMs ?? 20_000)
  timer.unref()
  const release = async (): Promise<void> => {
    clearInterval(timer)
    await last
    if (ended) return
    ended = true
    await rewriteClaim(options.file, { fence: claimed.fence, holder: { ...holder, released: true } })
  }
  return {
    id: holder.id,
    fence: claimed.fence,
    notice,
    working: step => rewrite({ step }),
    release,
    [Symbol.asyncDispose]: release,
  }
}

function newHolder(command: string, at: Date): LeaseHolder {
  const started = processStartedAt(process.pid)
  if (started === undefined) throw new Error('this process cannot find out when it was started')
  return {
    id: randomUUID().slice(0, 8),
    user: userInfo().username,
    host: hostname(),
    pid: process.pid,
    processStartedAt: started,
    command,
    since: at.toISOString(),
    renewedAt: at.toISOString(),
    step: null,
    released: false,
  }
}

function describe(holder: LeaseHolder): string {
  return `${holder.user} on ${holder.host} (process ${holder.pid}, "${holder.command}")`
}

function locked(holder: LeaseHolder, now: Date): MlpError {
  const here = holder.host === hostname()
  return new MlpError({
    code: 'MLP5220',
    summary: `Another mlp works on this platform: ${describe(holder)}`,
    detail: [
      `since ${holder.since} (${ago(holder.since, now)})`,
      `at step ${holder.step ?? 'none yet'}`,
      `last heard of ${ago(holder.renewedAt, now)}`,
    ].join('\n'),
    remedy: [
      'Wait until it has finished, then run the same command again.',
      `Only if it is certainly dead${here ? '' : ` on ${holder.host}`}: mlp unlock ${holder.id}`,
    ],
    exitCode: exitCodes.locked,
  })
}

function lost(holder: LeaseHolder): MlpError {
  return new MlpError({
    code: 'MLP5221',
    summary: 'This run no longer holds the lock of the platform; it begins nothing more',
    detail: `Somebody ran: mlp unlock ${holder.id}`,
    remedy: ['Find out who works on it now: mlp status', 'Then run the same command again.'],
    exitCode: exitCodes.locked,
  })
}
