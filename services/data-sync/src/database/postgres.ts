import { PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Dialect } from './dialect.ts'
import type { PasswordProvider } from './passwords.ts'

export interface PostgresOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Asked for every new connection, so that a token may run out between two. */
  readonly password: PasswordProvider | undefined
  /** `verify`: encrypted, and the server's certificate is checked. */
  readonly tls: 'verify' | 'off'
  readonly onError: (error: Error) => void
}

export function postgres({ password, tls, onError, ...address }: PostgresOptions): Dialect {
  const pool = new pg.Pool({
    ...address,
    ...(password === undefined ? {} : { password }),
    ssl: tls === 'verify' ? { rejectUnauthorized: true } : false,
    max: 10,
    connectionTimeoutMillis: 10_000,
    application_name: 'data-sync',
  })
  // An idle connection that breaks is not used again; without a listener it would end the process.
  pool.on('error', onError)
  return {
    name: 'postgres',
    kysely: new PostgresDialect({ pool }),
    nowMs: sql<number>`(extract(epoch from clock_timestamp())::double precision * 1000)`,
    shortText: 'text',
    longText: 'text',
  }
}
