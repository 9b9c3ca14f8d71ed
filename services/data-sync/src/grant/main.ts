import { setTimeout as delay } from 'node:timers/promises'
import { readSettings, SettingsError } from '@mlp/service-kit/settings'
import { grantSettings } from './settings.ts'

// Run once by a Job, as the database's administrator: makes the users whom the services then are.

/** Grants of the cloud take a while to arrive, and a database that has just been made a while to answer. */
const patienceMs = 120_000
const pauseMs = 3_000

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

try {
  const settings = readSettings(grantSettings, process.env)
  const grant =
    settings.DATABASE_URL.kind === 'mssql'
      ? (await import('./sql-server-grants.ts')).grantInSqlServer
      : (await import('./postgres-grants.ts')).grantInPostgres
  const deadline = Date.now() + patienceMs
  for (;;) {
    try {
      await grant(settings)
      break
    } catch (error) {
      say({ level: 'warn', msg: 'not granted yet', err: describe(error) })
      if (Date.now() > deadline) throw error
      await delay(pauseMs)
    }
  }
  say({ level: 'info', msg: 'granted', users: settings.DATABASE_USERS })
} catch (error) {
  process.stderr.write(`database-users: ${describe(error)}\n`)
  process.exitCode = error instanceof SettingsError ? 2 : 1
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
