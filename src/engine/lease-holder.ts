import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, userInfo } from 'node:os'
import * as z from 'zod'
import { ago } from './durations.ts'
import { MlpError } from './errors.ts'
import { processStartedAt } from './process-identity.ts'

export const holderSchema = z.strictObject({
  id: z.string(),
  user: z.string(),
  host: z.string(),
  /** This boot of this kernel and its process numbers; '' where that cannot be told. */
  machine: z.string().default(''),
  pid: z.int(),
  /** Tells this process from a later one with the same pid. */
  processStartedAt: z.string(),
  /** As typed, for the person who finds the lock. */
  command: z.string(),
  since: z.string(),
  renewedAt: z.string(),
  step: z.string().nullable(),
  released: z.boolean(),
})
export type LeaseHolder = z.infer<typeof holderSchema>

export interface Claim {
  /** Grows with every holder, so that it fences off what an older holder still does. */
  readonly fence: number
  readonly holder: LeaseHolder
  /** Whom the holder lets have it while it waits for them. */
  readonly lentTo?: string | undefined
  /** Whose it is, while somebody has it on loan; `released`: they want it back no more. */
  readonly lender?: LeaseHolder | undefined
}

/** Who this process is to others. */
export type Whereabouts = Pick<LeaseHolder, 'user' | 'host' | 'machine'>

export function whereabouts(): Whereabouts {
  return { user: userInfo().username, host: hostname(), machine: machineIdentity() }
}

export function newHolder(command: string, at: Date, here: Whereabouts = whereabouts()): LeaseHolder {
  const started = processStartedAt(process.pid)
  if (started === undefined) throw new Error('this process cannot find out when it was started')
  return {
    id: randomUUID().slice(0, 8),
    ...here,
    pid: process.pid,
    processStartedAt: started,
    command,
    since: at.toISOString(),
    renewedAt: at.toISOString(),
    step: null,
    released: false,
  }
}

/** Proved dead, for a lock that lies on this host: it ran here, and its process is gone. Anything else may live. */
export function isDead(holder: LeaseHolder): boolean {
  return holder.host === hostname() && !isRunning(holder)
}

/** The same for a lock that lies elsewhere, whose holder may have run anywhere. */
export function isDeadHere(holder: LeaseHolder, here: Whereabouts = whereabouts()): boolean {
  return isOf(here, holder) && !isRunning(holder)
}

/** Proved alive: its process runs here. */
export function isAliveHere(holder: LeaseHolder, here: Whereabouts = whereabouts()): boolean {
  return isOf(here, holder) && isRunning(holder)
}

/** Two machines may have the same name: it also has to be under this very kernel, among these process numbers. */
function isOf(here: Whereabouts, { host, machine }: LeaseHolder): boolean {
  return machine !== '' && machine === here.machine && host === here.host
}

function isRunning({ pid, processStartedAt: started }: LeaseHolder): boolean {
  return processStartedAt(pid) === started
}

export function describe(holder: LeaseHolder): string {
  return `${holder.user} on ${holder.host} (process ${holder.pid}, "${holder.command}")`
}

export function tookOver(dead: LeaseHolder): string {
  return `took over the lock of ${describe(dead)}, which is no longer running`
}

/** Exit 6, naming the holder. `place` is where the lock lies, when that is not this machine. */
export function lockedBy(holder: LeaseHolder, now: Date, place?: string): MlpError {
  const here = holder.host === hostname()
  return new MlpError({
    code: 'MLP5220',
    summary: `Another mlp works on this platform: ${describe(holder)}`,
    detail: [
      `since ${holder.since} (${ago(holder.since, now)})`,
      `at step ${holder.step ?? 'none yet'}`,
      `last heard of ${ago(holder.renewedAt, now)}`,
      ...(place === undefined ? [] : [`the lock is ${place}`]),
    ].join('\n'),
    remedy: [
      'Wait until it has finished, then run the same command again.',
      `Only if it is certainly dead${here ? '' : ` on ${holder.host}`}: mlp unlock ${holder.id}`,
    ],
  })
}

/** Exit 6: this run was unlocked by somebody, who may have handed the lock on to `next`. */
export function leaseLost(holder: LeaseHolder, next?: LeaseHolder): MlpError {
  return new MlpError({
    code: 'MLP5221',
    summary: 'This run no longer holds the lock of the platform; it begins nothing more',
    detail: `Somebody ran: mlp unlock ${holder.id}${next === undefined ? '' : `\nSince then: ${describe(next)}`}`,
    remedy: ['Find out who works on it now: mlp status', 'Then run the same command again.'],
  })
}

/** Linux: proc_sys_kernel(5), random/boot_id, and namespaces(7). macOS: sysctl kern.bootsessionuuid. */
function machineIdentity(): string {
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      return `${boot} ${readlinkSync('/proc/self/ns/pid')}`
    }
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
  } catch {
    // Then no holder is ever proved dead from elsewhere, which is safe.
    return ''
  }
}
