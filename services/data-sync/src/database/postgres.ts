import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Dialect } from './dialect.ts'
import type { PasswordProvider } from './passwords.ts'
import type { ServerIdentity } from './server-identity.ts'

export interface PostgresOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Asked for every new connection, so that a token may run out between two. */
  readonly password: PasswordProvider | undefined
  /** Without it nothing is encrypted. */
  readonly tls: ServerIdentity | undefined
  /** Where tables are made and looked for; undefined leaves it to the server. */
  readonly schema: string | undefined
  readonly onError: (error: Error) => void
}

export function postgres({ password, tls, schema, onError, ...address }: PostgresOptions): Dialect {
  const pool = new pg.Pool({
    ...address,
    ...(password === undefined ? {} : { password }),
    ssl: tls === undefined ? false : verified(tls),
    ...(schema === undefined ? {} : { options: `-c search_path=${schema}` }),
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
    lastingly: (database, write) => write(database),
  }
}

/** TLS that is always verified, as pg takes it. */
export function verified({ name, ca }: ServerIdentity) {
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca: [...ca] }),
    // Without a name of its own, Node would look for `localhost` in the certificate of a server given by its address.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host: string, certificate: PeerCertificate) =>
      checkServerIdentity(name, certificate),
  }
}
