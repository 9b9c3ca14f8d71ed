import pg from 'pg'
import { authorities } from '../database/authorities.ts'
import { passwordProviders } from '../database/passwords.ts'
import { verified } from '../database/postgres.ts'
import { masterPassword } from './master-password.ts'
import type { DatabaseUsers, GrantSettings } from './settings.ts'

const { escapeIdentifier } = pg
/** Of this program's alone: two that run at once take turns. */
const turn = 5_020_471_133

/**
 * Lets each user in by its cloud identity, with a schema of its own in which it may make what it likes, and no right
 * beyond. Safe to repeat; nothing is taken away.
 */
export async function grantInPostgres(settings: GrantSettings): Promise<void> {
  const { DATABASE_AUTHENTICATION: authentication, DATABASE_USERS: users } = settings
  const password = await administratorPassword(settings)
  if (authentication === 'entra') {
    // Principals are made in this database, and are there in all.
    await inDatabase(settings, password, 'postgres', client => makePrincipals(client, users))
  }
  await inDatabase(settings, password, undefined, async client => {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [turn])
    for (const { name, schema } of users) {
      if (authentication === 'aws-secret') await makeRdsUser(client, name)
      const [user, itsSchema] = [escapeIdentifier(name), escapeIdentifier(schema)]
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${itsSchema}`)
      await client.query(`GRANT USAGE, CREATE ON SCHEMA ${itsSchema} TO ${user}`)
    }
    await client.query('COMMIT')
    await verifyGrants(client, users)
  })
}

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html */
async function makeRdsUser(client: pg.Client, name: string): Promise<void> {
  if (!(await hasRole(client, name))) await client.query(`CREATE USER ${escapeIdentifier(name)}`)
  await client.query(`GRANT rds_iam TO ${escapeIdentifier(name)}`)
}

/** https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users */
async function makePrincipals(client: pg.Client, users: DatabaseUsers): Promise<void> {
  for (const { name } of users) {
    if (!(await hasRole(client, name)))
      await client.query('SELECT pgaadauth_create_principal($1, false, false)', [name])
  }
}

async function hasRole(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name])
  return rowCount === 1
}

async function verifyGrants(client: pg.Client, users: DatabaseUsers): Promise<void> {
  for (const { name, schema } of users) {
    const { rows } = await client.query(
      "SELECT has_schema_privilege($1, $2, 'USAGE') AND has_schema_privilege($1, $2, 'CREATE') AS granted",
      [name, schema],
    )
    if (rows[0]?.granted !== true) throw new Error(`${name} has no rights in schema ${schema}`)
  }
}

async function administratorPassword(settings: GrantSettings): Promise<string> {
  const { DATABASE_AUTHENTICATION: authentication, DATABASE_SECRET_ARN: secretArn } = settings
  if (authentication === 'aws-secret') return await masterPassword(secretArn ?? '')
  const provider = await passwordProviders[authentication]()
  return await provider()
}

function addressOf({ DATABASE_URL: url }: GrantSettings) {
  if (url.kind !== 'postgres') throw new Error(`${url.kind} is not PostgreSQL`)
  return url
}

async function inDatabase(
  settings: GrantSettings,
  password: string,
  database: string | undefined,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const address = addressOf(settings)
  const { DATABASE_CA_FILE: caFile, DATABASE_TLS_NAME: tlsName, DATABASE_AUTHENTICATION: from } = settings
  const client = new pg.Client({
    ...address,
    ...(database === undefined ? {} : { database }),
    password,
    ssl: verified({
      name: tlsName ?? address.host,
      ca: await authorities(caFile, from === 'aws-secret'),
    }),
    connectionTimeoutMillis: 10_000,
    application_name: 'mlp-database-users',
  })
  // A connection that breaks fails the query that is under way; without a listener it would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}
