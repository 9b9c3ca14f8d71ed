import * as tedious from 'tedious'
import type { DatabaseUsers, GrantSettings } from './settings.ts'

/**
 * The same in Azure SQL: each user has a schema of its own, and may make tables there. Signs in by Entra, as the
 * server's administrator. Safe to repeat; nothing is taken away.
 */
export async function grantInSqlServer(settings: GrantSettings): Promise<void> {
  const connection = await open(settings)
  try {
    for (const user of settings.DATABASE_USERS) await run(connection, statementsFor(user).join(';\n'))
  } finally {
    connection.close()
  }
}

/** https://learn.microsoft.com/azure/azure-sql/database/authentication-aad-configure */
export function statementsFor({ name, schema, clientId }: DatabaseUsers[number]): readonly string[] {
  if (clientId === undefined) throw new Error(`${name} has no client id, by which SQL Server would know it`)
  const user = bracketed(name)
  return [
    `IF DATABASE_PRINCIPAL_ID(${quoted(name)}) IS NULL CREATE USER ${user} WITH SID = ${sidOf(clientId)}, TYPE = E`,
    `IF SCHEMA_ID(${quoted(schema)}) IS NULL EXEC(${quoted(`CREATE SCHEMA ${bracketed(schema)}`)})`,
    `ALTER USER ${user} WITH DEFAULT_SCHEMA = ${bracketed(schema)}`,
    `GRANT CREATE TABLE TO ${user}`,
    `GRANT ALTER, SELECT, INSERT, UPDATE, DELETE, REFERENCES ON SCHEMA::${bracketed(schema)} TO ${user}`,
  ]
}

/** SQL Server keeps a GUID's first three parts with their bytes turned round. */
function sidOf(clientId: string): string {
  const [first = '', second = '', third = '', ...rest] = clientId.split('-')
  const turned = [first, second, third].map(part => Buffer.from(part, 'hex').reverse().toString('hex'))
  return `0x${[...turned, ...rest].join('').toUpperCase()}`
}

function bracketed(name: string): string {
  return `[${name.replaceAll(']', ']]')}]`
}

function quoted(text: string): string {
  return `N'${text.replaceAll("'", "''")}'`
}

function open({ DATABASE_URL: url, DATABASE_TLS_NAME: tlsName }: GrantSettings): Promise<tedious.Connection> {
  if (url.kind !== 'mssql') throw new Error(`${url.kind} is not SQL Server`)
  const { host, port, database } = url
  const connection = new tedious.Connection({
    server: host,
    authentication: { type: 'azure-active-directory-default', options: {} },
    options: {
      ...{ port, database, encrypt: true, trustServerCertificate: false, serverName: tlsName ?? host },
    },
  })
  return new Promise((resolve, reject) => {
    connection.on('error', reject)
    connection.connect(error => (error === undefined || error === null ? resolve(connection) : reject(error)))
  })
}

function run(connection: tedious.Connection, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.execSqlBatch(
      new tedious.Request(text, error => (error === undefined || error === null ? resolve() : reject(error))),
    )
  })
}
