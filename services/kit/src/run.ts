import { setTimeout as delay } from 'node:timers/promises'
import type * as z from 'zod'
import { createService, type Service, type ServiceDefinition } from './service.ts'
import { readSettings, SettingsError, type SharedSettings } from './settings.ts'

/**
 * A service as a process: reads its settings from the environment, listens, and drains on SIGTERM or SIGINT.
 * Exit codes: 0 drained; 1 a bug, or requests were cut off at the deadline; 2 settings that are not valid, each named
 * on standard error.
 */
export async function runService<Settings extends SharedSettings>(
  definition: ServiceDefinition<Settings>,
  settingsSchema: z.ZodType<Settings>,
): Promise<void> {
  try {
    const settings = readSettings(settingsSchema, process.env)
    const service = await createService(definition, settings)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => void drain(service, settings, signal))
    }
    await service.app.listen({ host: settings.HOST, port: settings.PORT })
  } catch (error) {
    process.stderr.write(`${definition.name}: ${describeStartError(error)}\n`)
    process.exit(error instanceof SettingsError ? 2 : 1)
  }
}

function describeStartError(error: unknown): string {
  if (error instanceof SettingsError) return error.message
  if (!(error instanceof Error)) return String(error)
  // Such as a port in use: the message says it all, a stack would bury it.
  return 'code' in error && 'syscall' in error ? error.message : (error.stack ?? error.message)
}

async function drain(service: Service, settings: SharedSettings, signal: NodeJS.Signals): Promise<void> {
  const timeoutMs = settings.DRAIN_TIMEOUT_MS
  // SIGINT is a person at a terminal: no load balancer to wait for.
  const delayMs = signal === 'SIGINT' ? 0 : settings.DRAIN_DELAY_MS
  service.log.info({ signal, delayMs, timeoutMs }, 'draining')
  service.startDraining()
  await delay(delayMs)
  const deadline = AbortSignal.timeout(timeoutMs)
  const closed = service.close().then(() => 'closed' as const)
  const late = new Promise<'late'>(resolve => {
    deadline.addEventListener('abort', () => resolve('late'), { once: true })
  })
  const outcome = await Promise.race([closed, late])
  if (outcome === 'late') {
    service.log.error({ timeoutMs }, 'requests in flight were cut off at the deadline')
    service.app.server.closeAllConnections()
    process.exit(1)
  }
  service.log.info('drained')
  process.exit(0)
}
