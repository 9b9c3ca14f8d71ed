/**
 * The sandbox's daemon: `node main.ts HOME serve CODE` serves until it is told to stop, and tells whoever asks that it
 * is of this code; `node main.ts HOME stop` ends what a daemon that died left running. Exits 0 at once when another
 * daemon serves this home.
 */
import { join } from 'node:path'
import * as z from 'zod'
import { takeLock } from './lock.ts'
import { openLog } from './log.ts'
import { openSupervisor } from './processes/supervisor.ts'

const [home, action, code] = z
  .tuple([z.string().startsWith('/'), z.enum(['serve', 'stop']), z.string().default('')])
  .parse(process.argv.slice(2))

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
  const lock = takeLock(join(home, 'daemon.lock'))
  if (lock === undefined) return
  const supervisor = await openSupervisor(join(home, 'processes'), log)
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
    clouds: simulatedClouds,
    programs: openPrograms(process.env, log),
    environment: process.env,
    onStopped: () => process.exit(0),
  })
  const end = () => void daemon?.stop().then(() => process.exit(0))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end)
}
