/**
 * The sandbox's daemon: `node main.ts HOME serve CODE TICKET` serves until it is told to stop, and tells whoever asks
 * that it is of this code; exits 0 at once when another daemon serves this home, or when the sandbox was stopped since it
 * was started: HOME/starting/TICKET is gone then. `node main.ts HOME stop` waits for a daemon that is ending, and ends
 * what one that died left running.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { endTracked, trackingId } from './github/actions/process.ts'
import { takeLock } from './lock.ts'
import { openLog } from './log.ts'
import { openSupervisor } from './processes/supervisor.ts'
import { endAllContainers } from './workloads/leftovers.ts'

const [home, action, code, ticketName] = z
  .tuple([
    z.string().startsWith('/'),
    z.enum(['serve', 'stop']),
    z.string().default(''),
    z.string().default(''),
  ])
  .parse(process.argv.slice(2))

const tickets = join(home, 'starting')
const ticket = ticketName === '' ? undefined : join(tickets, ticketName)
// Not even a log is written into a folder that was removed meanwhile.
if (ticket !== undefined && !existsSync(ticket)) process.exit(0)

/** Three control planes end within seconds; a busy machine takes longer. */
const endingTimeoutMs = 60_000

const log = openLog(join(home, 'log', 'daemon.log'))
try {
  if (action === 'stop') await stopLeftovers()
  else await serve()
} catch (error) {
  log(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

async function stopLeftovers(): Promise<void> {
  const deadline = Date.now() + endingTimeoutMs
  let lock = takeLock(join(home, 'daemon.lock'))
  while (lock === undefined) {
    if (Date.now() > deadline)
      throw new Error(`a daemon still serves ${home}; log/daemon.log names its process id`)
    await delay(50)
    lock = takeLock(join(home, 'daemon.lock'))
  }
  await rm(tickets, { recursive: true, force: true })
  const supervisor = await openSupervisor(join(home, 'processes'), log)
  await endAllContainers(home)
  await endTracked(trackingId(home, ''))
  await supervisor.stopAll()
  supervisor.detach()
  lock[Symbol.dispose]()
}

async function serve(): Promise<void> {
  // The clouds are much to load, and nothing of them is needed to stop.
  const { startDaemon } = await import('./daemon.ts')
  const { simulatedClouds } = await import('./clouds/index.ts')
  const { openPrograms } = await import('./programs.ts')
  const daemon = await startDaemon({
    home,
    code,
    ticket,
    clouds: simulatedClouds,
    programs: openPrograms(process.env, log),
    environment: process.env,
    onStopped: () => process.exit(0),
  })
  if (daemon === undefined) process.exit(0)
  const end = () => void daemon.stop().then(() => process.exit(0))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
}
