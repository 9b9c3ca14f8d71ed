import { hostname } from 'node:os'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import { breakLease, isDead, readLease } from '../../engine/lock.ts'
import { createConsent } from '../consent.ts'
import type { Io } from '../io.ts'
import type { UnlockOptions } from '../options.ts'
import { lockFile, openPlatform } from '../platform-home.ts'

/**
 * Removes the lock of a run that is dead. One that is alive on this host is never removed; one of another host, which
 * cannot be looked at from here, only with consent. @throws MlpError MLP5222 when `id` is not the lock's,
 * MLP5224 (exit 6) when its holder runs.
 */
export async function runUnlock(options: UnlockOptions, io: Io): Promise<ExitCode> {
  const { config, home } = await openPlatform(options, io)
  const file = lockFile(home)
  const holder = await readLease(file)
  if (holder?.id === options.id && !isDead(holder)) {
    const who = `${holder.user} on ${holder.host} (pid ${holder.pid}), \`${holder.command}\`, since ${holder.since}`
    if (holder.host === hostname()) {
      throw new MlpError({
        code: 'MLP5224',
        summary: `the lock ${holder.id} is held by a run that is alive`,
        detail: who,
        remedy: ['Wait for it, or stop it with Ctrl-C or `kill <pid>`: it then gives the lock back.'],
        exitCode: exitCodes.locked,
      })
    }
    const consent = createConsent({ options, project: config.project, target: config.target, io })
    const agreed = await consent.approve({
      id: 'unlock',
      message: `Remove the lock ${holder.id}? Two runs at once can damage the platform.`,
      details: [`It is held by ${who}; that host cannot be looked at from here.`],
      safe: true,
      flag: '--yes',
    })
    if (!agreed) {
      throw new MlpError({
        code: 'MLP5002',
        summary: 'the lock was left where it is',
        remedy: [`Look on ${holder.host} whether the run is alive.`],
        exitCode: exitCodes.refused,
      })
    }
  }
  const removed = await breakLease(file, options.id)
  if (options.json) io.stdout.write(`${JSON.stringify({ schemaVersion: 1, removed })}\n`)
  else if (!options.quiet)
    io.stdout.write(`Removed the lock ${removed.id} of ${removed.user} on ${removed.host}.\n`)
  return exitCodes.done
}
