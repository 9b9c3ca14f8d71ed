import { Kysely } from 'kysely'
import type { Settings } from '../settings.ts'
import type { Dialect } from './dialect.ts'
import { migrate } from './migrations.ts'
import { type DatabaseAddress, type PasswordProvider, passwordProviders } from './passwords.ts'
import type { Database, Schema } from './schema.ts'

type DatabaseSettings = Pick<
  Settings,
  'DATABASE_URL' | 'DATABASE_PASSWORD' | 'DATABASE_AUTHENTICATION' | 'DATABASE_TLS'
>

/** Opens the database that the settings name, with its tables brought up to date. */
export async function openDatabase(
  settings: DatabaseSettings,
  onError: (error: Error) => void,
): Promise<{ readonly database: Database; readonly dialect: Dialect }> {
  const dialect = await chooseDialect(settings, onError)
  const database = new Kysely<Schema>({ dialect: dialect.kysely })
  try {
    await migrate(database, dialect)
  } catch (error) {
    await database.destroy()
    throw error
  }
  return { database, dialect }
}

/** Only the driver that is needed is loaded: SQL Server's alone takes longer than all else. */
async function chooseDialect(settings: DatabaseSettings, onError: (error: Error) => void): Promise<Dialect> {
  const { DATABASE_URL: url, DATABASE_PASSWORD: password, DATABASE_TLS: tls } = settings
  switch (url.kind) {
    case 'sqlite': {
      const { sqlite } = await import('./sqlite.ts')
      return sqlite(url.file)
    }
    case 'postgres': {
      const { postgres } = await import('./postgres.ts')
      return postgres({ ...url, tls, onError, password: await passwordProvider(settings, url) })
    }
    case 'mssql': {
      const { mssql } = await import('./mssql.ts')
      return mssql({ ...url, login: password === undefined ? undefined : { user: url.user, password } })
    }
  }
}

async function passwordProvider(
  { DATABASE_AUTHENTICATION: from, DATABASE_PASSWORD: password }: DatabaseSettings,
  address: DatabaseAddress,
): Promise<PasswordProvider | undefined> {
  if (from !== 'password') return await passwordProviders[from](address)
  return password === undefined ? undefined : async () => password
}
