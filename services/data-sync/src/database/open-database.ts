import { readFile } from 'node:fs/promises'
import { Kysely } from 'kysely'
import type { Settings } from '../settings.ts'
import { authorities } from './authorities.ts'
import type { Dialect } from './dialect.ts'
import { migrate } from './migrations.ts'
import { type DatabaseAddress, type PasswordProvider, passwordProviders } from './passwords.ts'
import type { Database, Schema } from './schema.ts'

type DatabaseSettings = Pick<
  Settings,
  | 'DATABASE_URL'
  | 'DATABASE_PASSWORD'
  | 'DATABASE_PASSWORD_FILE'
  | 'DATABASE_AUTHENTICATION'
  | 'DATABASE_TLS'
  | 'DATABASE_CA_FILE'
  | 'DATABASE_TLS_NAME'
  | 'DATABASE_SCHEMA'
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
  const { DATABASE_URL: url, DATABASE_CA_FILE: caFile } = settings
  if (url.kind === 'sqlite') {
    const { sqlite } = await import('./sqlite.ts')
    return sqlite(url.file)
  }
  const password = await passwordProvider(settings, url)
  const identity = {
    name: settings.DATABASE_TLS_NAME ?? url.host,
    ca: await authorities(caFile, settings.DATABASE_AUTHENTICATION === 'aws-iam'),
  }
  if (url.kind === 'postgres') {
    const { postgres } = await import('./postgres.ts')
    return postgres({
      ...url,
      onError,
      password,
      schema: settings.DATABASE_SCHEMA,
      tls: settings.DATABASE_TLS === 'off' ? undefined : identity,
    })
  }
  const { mssql } = await import('./mssql.ts')
  return mssql({ ...url, password, tls: identity })
}

async function passwordProvider(
  settings: DatabaseSettings,
  address: DatabaseAddress,
): Promise<PasswordProvider | undefined> {
  const {
    DATABASE_AUTHENTICATION: from,
    DATABASE_PASSWORD: password,
    DATABASE_PASSWORD_FILE: file,
  } = settings
  if (from !== 'password') return await passwordProviders[from](address)
  if (file !== undefined) return async () => (await readFile(file, 'utf8')).trim()
  return password === undefined ? undefined : async () => password
}
