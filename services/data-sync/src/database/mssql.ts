import { MssqlDialect, sql } from 'kysely'
import * as tarn from 'tarn'
import * as tedious from 'tedious'
import type { Dialect } from './dialect.ts'
import type { PasswordProvider } from './passwords.ts'
import type { ServerIdentity } from './server-identity.ts'

export interface MssqlOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Asked for every new connection. Without it: the environment's Entra identity. */
  readonly password: PasswordProvider | undefined
  readonly tls: ServerIdentity
}

/** SQL Server and Azure SQL, always encrypted. */
export function mssql({ host, port, user, database, password, tls }: MssqlOptions): Dialect {
  const authentication = async () =>
    password === undefined
      ? { type: 'azure-active-directory-default' as const, options: {} }
      : { type: 'default' as const, options: { userName: user, password: await password() } }
  const { name: serverName, ca } = tls
  return {
    name: 'mssql',
    kysely: new MssqlDialect({
      tarn: { ...tarn, options: { min: 0, max: 10 } },
      tedious: {
        ...tedious,
        connectionFactory: async () =>
          new tedious.Connection({
            server: host,
            authentication: await authentication(),
            options: {
              ...{ port, database, encrypt: true, trustServerCertificate: false, useUTC: true, serverName },
              ...(ca === undefined ? {} : { cryptoCredentialsDetails: { ca: [...ca] } }),
            },
          }),
      },
    }),
    nowMs: sql<number>`cast(datediff_big(millisecond, '1970-01-01', sysutcdatetime()) as float)`,
    shortText: 'nvarchar(400)',
    longText: 'nvarchar(max)',
    lastingly: (database, write) => write(database),
  }
}
