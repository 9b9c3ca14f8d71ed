import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { ServiceDefinition } from '@mlp/service-kit/service'
import { sql } from 'kysely'
import packageJson from '../package.json' with { type: 'json' }
import { requireToken } from './api/access.ts'
import { addJobRoutes } from './api/job-routes.ts'
import { addRunRoutes } from './api/run-routes.ts'
import { createJobs } from './database/jobs.ts'
import { createLeases } from './database/leases.ts'
import { openDatabase } from './database/open-database.ts'
import { createRuns } from './database/runs.ts'
import { createMetrics } from './metrics.ts'
import { leadWhileHeld } from './runs/leader.ts'
import { startWorker } from './runs/worker.ts'
import { createSemaphore } from './semaphore.ts'
import { type Settings, storesOptions } from './settings.ts'
import { openStores } from './stores/open-stores.ts'

const mebibyte = 1_048_576

export const dataSync: ServiceDefinition<Settings> = {
  name: 'data-sync',
  version: packageJson.version,
  api: {
    description: 'Keeps buckets in step across S3, Google Cloud Storage and Azure Blob Storage.',
    securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
  },
  async build({ app, settings, log, metrics: registry, draining, addReadinessCheck }) {
    const { database, dialect } = await openDatabase(settings, err =>
      log.warn({ err }, 'database connection'),
    )
    addReadinessCheck({
      name: 'database',
      async check() {
        await sql`select 1`.execute(database)
        return undefined
      },
    })
    const memory = createSemaphore(settings.MEMORY_BUDGET_MIB * mebibyte)
    const metrics = createMetrics(registry, memory)
    // Unique to this process, also where pods or people reuse names.
    const holder = `${hostname()}/${process.pid}/${randomUUID()}`
    const leases = createLeases(database, dialect, holder, settings.LEASE_TTL_MS)
    const jobs = createJobs(database, dialect)
    const runs = createRuns(database, dialect, leases)
    const stores = openStores(storesOptions(settings, settings.STORE_CONNECTIONS))

    const beatMs = Math.min(1_000, settings.LEASE_TTL_MS / 3)
    const worker = startWorker({
      ...{ database, leases, runs, stores, metrics, log, memory, draining, beatMs },
      slots: createSemaphore(settings.OBJECTS_AT_ONCE),
      policy: {
        attempts: settings.STORE_ATTEMPTS,
        attemptTimeoutMs: settings.STORE_TIMEOUT_MS,
        firstDelayMs: 200,
        longestDelayMs: 10_000,
        onRetry: metrics.storeRetried,
      },
      leaseTtlMs: settings.LEASE_TTL_MS,
      pollMs: settings.POLL_INTERVAL_MS,
      runsAtOnce: settings.RUNS_AT_ONCE,
    })
    const leading = leadWhileHeld({
      ...{ database, dialect, leases, metrics, log, draining },
      pollMs: beatMs,
      historyDays: settings.HISTORY_DAYS,
      onScheduled: worker.nudge,
    })
    app.addHook('onClose', async () => {
      await Promise.all([worker.stopped, leading])
      await stores.close()
      await database.destroy()
    })

    if (settings.API_TOKEN !== undefined) requireToken(app, settings.API_TOKEN)
    addJobRoutes(app, jobs)
    addRunRoutes(app, {
      ...{ database, dialect, jobs, runs, draining },
      onAccepted: worker.nudge,
      progressEveryMs: settings.POLL_INTERVAL_MS,
    })
  },
}
