import { hostname } from 'node:os'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import { isAliveHere, isDead, isDeadHere, type LeaseHolder, newHolder } from '../../engine/lease-holder.ts'
import { breakLease, notTheLock, readLease } from '../../engine/lock.ts'
import { breakSharedLease, readSharedLease } from '../../engine/record-lease.ts'
import { createConsent } from '../consent.ts'
import type { Io } from '../io.ts'
import type { UnlockOptions } from '../options.ts'
import { findRecord, lockFile, openPlatform, type Platform } from '../platform-home.ts'

const timeoutMs = 30_000

/**
 * Removes the lock of a run that is dead, on this machine and in the home cloud. One that is alive on this host is
 * never removed; one of another host, which cannot be looked at from here, only with consent. @throws MlpError MLP5222
 * when `id` is not the lock's, MLP5231 (exit 6) when its holder runs, MLP5232 when the home cloud cannot be asked.
 */
export async function runUnlock(options: UnlockOptions, io: Io): Promise<ExitCode> {
  const platform = await openPlatform(options, io)
  const signal = AbortSignal.timeout(timeoutMs)
  const { id } = options
  const file = lockFile(platform.home)
  const own = await readLease(file)
  const store = await findRecord(platform, io, signal)
  const shared = typeof store === 'string' ? undefined : await readSharedLease(store, signal)
  const holder = [own, shared].find(each => each?.id === id)
  if (holder === undefined) {
    if (typeof store === 'string') throw notAsked(store)
    throw notTheLock(id, shared ?? own)
  }
  const dead = own?.id === id ? isDead(own) : isDeadHere(holder)
  const alive = own?.id === id ? own.host === hostname() && !dead : isAliveHere(holder)
  if (alive) throw isAlive(holder)
  if (!dead) await consentTo(holder, platform, options, io)
  if (typeof store !== 'string') {
    await breakSharedLease(store, id, newHolder(`mlp unlock ${id}`, new Date()), signal)
  }
  if (own?.id === id) await breakLease(file, id)
  if (options.json) io.stdout.write(`${JSON.stringify({ schemaVersion: 1, removed: holder })}\n`)
  else if (!options.quiet)
    io.stdout.write(`Removed the lock ${holder.id} of ${holder.user} on ${holder.host}.\n`)
  return exitCodes.done
}

function isAlive(holder: LeaseHolder): MlpError {
  return new MlpError({
    code: 'MLP5231',
    summary: `the lock ${holder.id} is held by a run that is alive`,
    detail: describe(holder),
    remedy: ['Wait for it, or stop it with Ctrl-C or `kill <pid>`: it then gives the lock back.'],
  })
}

async function consentTo(
  holder: LeaseHolder,
  { config }: Platform,
  options: UnlockOptions,
  io: Io,
): Promise<void> {
  const consent = createConsent({ options, project: config.project, target: config.target, io })
  const agreed = await consent.approve({
    id: 'unlock',
    message: `Remove the lock ${holder.id}? Two runs at once can damage the platform.`,
    details: [
      `It is held by ${describe(holder)}; that host cannot be looked at from here.`,
      `It was last renewed at ${holder.renewedAt}; a run that lives does so every minute.`,
    ],
    safe: true,
    flag: '--yes',
  })
  if (agreed) return
  throw new MlpError({
    code: 'MLP5002',
    summary: 'the lock was left where it is',
    remedy: [`Look on ${holder.host} whether the run is alive.`],
  })
}

function notAsked(why: string): MlpError {
  return new MlpError({
    code: 'MLP5232',
    summary: `there is no such lock on this machine, and the one of all machines cannot be asked: ${why}`,
    remedy: ['mlp sandbox start', 'Then run the same command again.'],
  })
}

function describe(holder: LeaseHolder): string {
  return `${holder.user} on ${holder.host} (pid ${holder.pid}), \`${holder.command}\`, since ${holder.since}`
}
