import { MssqlDialect, sql } from 'kysely'
import * as tarn from 'tarn'
import * as tedious from 'tedious'
import type { Dialect } from './dialect.ts'

export interface MssqlOptions {
  readonly host: string
  readonly port: number
  readonly database: string
  /** Without a password: the environment's Entra identity. */
  readonly login: { readonly user: string; readonly password: string } | undefined
}

/** SQL Server and Azure SQL, always encrypted. */
export function mssql({ host, port, database, login }: MssqlOptions): Dialect {
  const authentication =
    login === undefined
      ? { type: 'azure-active-directory-default' as const, options: {} }
      : { type: 'default' as const, options: { userName: login.user, password: login.password } }
  return {
    name: 'mssql',
    kysely: new MssqlDialect({
      tarn: { ...tarn, options: { min: 0, max: 10 } },
      tedious: {
        ...tedious,
        connectionFactory: () =>
          new tedious.Connection({
            server: host,
            authentication,
            options: { port, database, encrypt: true, trustServerCertificate: false, useUTC: true },
          }),
      },
    }),
    nowMs: sql<number>`cast(datediff_big(millisecond, '1970-01-01', sysutcdatetime()) as float)`,
    shortText: 'nvarchar(400)',
    longText: 'nvarchar(max)',
  }
}
