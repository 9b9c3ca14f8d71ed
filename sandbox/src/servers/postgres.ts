import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import * as z from 'zod'
import type { ProcessSpec, ProcessSupervisor } from '../kubernetes/process-supervisor.ts'
import type { PostgresPrograms } from './find-programs.ts'
import type { PostgresServer } from './wanted.ts'

const run = promisify(execFile)
const readyTimeoutMs = 60_000
const pollMs = 25
const labelSchema = z.object({ labelfile: z.string() })
const { escapeIdentifier, escapeLiteral } = pg
/** The provider's own, as rdsadmin is RDS': nobody signs in as it. */
export const superuser = 'sandbox_superuser'

export interface PostgresPlace {
  /** Absolute folder of this one server. */
  readonly folder: string
  /** Absolute folder, but for the version at its end, of data that no server has written to yet, from which all begin. */
  readonly pristine: string
  /** Short folder for its unix socket, which whoever may read it may enter by. */
  readonly socketFolder: string
  readonly logFile: string
  /** The running server whose data it begins with, where it has none of its own yet. */
  readonly origin?: { readonly data: string; readonly socketFolder: string } | undefined
}

/** Small, for a handful of connections: measured in docs/measurements.md. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  shared_buffers: '16MB',
  max_connections: '60',
  // What an online copy takes.
  wal_level: 'replica',
  max_wal_senders: '0',
  max_wal_size: '128MB',
  max_worker_processes: '2',
  max_logical_replication_workers: '0',
  autovacuum_naptime: '5min',
  jit: 'off',
  password_encryption: 'scram-sha-256',
}

/** Starts the server, or adopts it, and makes the users and databases that terraform asked for. */
export async function startPostgres(
  server: PostgresServer,
  place: PostgresPlace,
  programs: PostgresPrograms,
  processes: ProcessSupervisor,
): Promise<void> {
  const data = join(place.folder, 'data')
  const version = await majorVersionOf(programs)
  if (!(await exists(data)))
    await (place.origin === undefined
      ? makeData(data, `${place.pristine}-${version}`, programs)
      : copyData(place.origin, data))
  await refuseDataOfOtherVersion(data, version)
  await mkdir(place.socketFolder, { recursive: true, mode: 0o700 })
  const flags = { ...settings, unix_socket_directories: place.socketFolder }
  const line = asOrdinaryUser([
    programs.postgres,
    ...['-D', data],
    ...Object.entries(flags).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  const spec: ProcessSpec = {
    name: `databases/${server.id}`,
    file: line[0] ?? '',
    args: line.slice(1),
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...programs.env },
    cwd: place.folder,
    logFile: place.logFile,
    // SIGTERM would wait until the last client has left.
    stopSignal: 'SIGINT',
  }
  await processes.ensure(spec)
  const admin = await connectPatiently(place.socketFolder)
  try {
    await setUp(admin, server, version)
  } finally {
    await admin.end()
  }
}

/** PostgreSQL refuses to run as root, so root is somebody else to it, in a user namespace of its own. */
function asOrdinaryUser(line: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0) return line
  return ['/usr/bin/unshare', '--user', '--map-user=65534', '--map-group=65534', '--', ...line]
}

/** `postgres (PostgreSQL) 17.6 (Debian 17.6-1)` -> `17` */
async function majorVersionOf(programs: PostgresPrograms): Promise<number> {
  const { stdout } = await run(programs.postgres, ['--version'], { env: { LC_ALL: 'C', ...programs.env } })
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]
  if (major === undefined) throw new Error(`${programs.postgres} does not say its version: ${stdout.trim()}`)
  return Number(major)
}

/** Each major version takes only its own data, and says so in the server's log alone. */
async function refuseDataOfOtherVersion(data: string, version: number): Promise<void> {
  const theirs = Number(await readFile(join(data, 'PG_VERSION'), 'utf8'))
  if (theirs === version) return
  throw new Error(
    `its data were written by PostgreSQL ${theirs}, and this machine has ${version}, which cannot read them: install PostgreSQL ${theirs}, or begin anew with mlp sandbox reset`,
  )
}

let making: Promise<void> | undefined

/** `initdb` takes a second of a processor, so its work is copied. */
async function makeData(data: string, source: string, programs: PostgresPrograms): Promise<void> {
  // One after another: two servers that are made at once share what the first one made.
  const turn = (making ?? Promise.resolve()).then(async () => {
    if (await exists(source)) return
    await rm(`${source}.new`, { recursive: true, force: true })
    await mkdir(dirname(source), { recursive: true, mode: 0o700 })
    const [file = '', ...args] = asOrdinaryUser([
      ...[programs.initdb, '-D', `${source}.new`, '-U', superuser, '-A', 'trust'],
      ...['--no-sync', '-E', 'UTF8', '--locale=C.UTF-8', '--no-instructions'],
    ])
    await run(file, args, { env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...programs.env } })
    await rename(`${source}.new`, source)
  })
  making = turn.catch(() => undefined)
  await turn
  await rm(`${data}.new`, { recursive: true, force: true })
  await mkdir(dirname(data), { recursive: true, mode: 0o700 })
  await cp(source, `${data}.new`, { recursive: true, mode: 2 })
  await rename(`${data}.new`, data)
}

/**
 * All of a running server's data as of now, as a base backup takes it.
 * https://www.postgresql.org/docs/17/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
 */
async function copyData(origin: NonNullable<PostgresPlace['origin']>, data: string): Promise<void> {
  const begun = `${data}.new`
  await rm(begun, { recursive: true, force: true })
  await mkdir(dirname(data), { recursive: true, mode: 0o700 })
  const admin = await connectPatiently(origin.socketFolder)
  try {
    await admin.query("SELECT pg_backup_start('sandbox: restore', true)")
    const own = new Set(['postmaster.pid', 'postmaster.opts', 'pg_wal'])
    await cp(origin.data, begun, {
      recursive: true,
      filter: path => dirname(path) !== origin.data || !own.has(basename(path)),
    })
    const { rows } = await admin.query('SELECT labelfile FROM pg_backup_stop(false)')
    await writeFile(join(begun, 'backup_label'), labelSchema.parse(rows[0]).labelfile)
    // Ends after what is needed to make the rest consistent.
    await cp(join(origin.data, 'pg_wal'), join(begun, 'pg_wal'), { recursive: true })
  } finally {
    await admin.end()
  }
  await rename(begun, data)
}

/** As the server's own superuser, which no client can be. */
export async function connectAsSuperuser(socketFolder: string): Promise<pg.Client> {
  const client = new pg.Client({ host: socketFolder, port: 5432, user: superuser, database: 'postgres' })
  // A server that ends takes its connections along; the next question finds out.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function connectPatiently(socketFolder: string): Promise<pg.Client> {
  const deadline = Date.now() + readyTimeoutMs
  for (;;) {
    try {
      return await connectAsSuperuser(socketFolder)
    } catch (error) {
      if (Date.now() > deadline) throw error
      await delay(pollMs)
    }
  }
}

/** What a managed server comes with, and what terraform asked for. Safe to repeat; nothing is taken away. */
async function setUp(admin: pg.Client, server: PostgresServer, version: number): Promise<void> {
  const { administrators, tokenRole } = server
  await ensureRole(admin, administrators, 'NOLOGIN CREATEDB CREATEROLE')
  await ensureRole(admin, tokenRole, 'NOLOGIN')
  for (const { name, password, memberOf, administers } of server.roles) {
    const rights = administers ? 'LOGIN CREATEDB CREATEROLE' : 'LOGIN'
    await ensureRole(
      admin,
      name,
      password === undefined ? rights : `${rights} PASSWORD ${escapeLiteral(password)}`,
    )
    for (const role of memberOf)
      await admin.query(`GRANT ${escapeIdentifier(role)} TO ${escapeIdentifier(name)}`)
    // Whoever administers may let others sign in by token without doing so themselves.
    if (administers && !memberOf.includes(tokenRole) && version >= 16)
      await admin.query(
        `GRANT ${escapeIdentifier(tokenRole)} TO ${escapeIdentifier(name)} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE`,
      )
  }
  for (const { name, owner } of server.databases) {
    const { rowCount } = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (rowCount === 0)
      await admin.query(`CREATE DATABASE ${escapeIdentifier(name)} OWNER ${escapeIdentifier(owner)}`)
  }
  if (server.cloud === 'azure') await addEntraFunctions(admin)
}

async function ensureRole(admin: pg.Client, name: string, rights: string): Promise<void> {
  const { rowCount } = await admin.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name])
  if (rowCount === 0) await admin.query(`CREATE ROLE ${escapeIdentifier(name)} ${rights}`)
}

/** https://learn.microsoft.com/azure/postgresql/security/security-manage-entra-users */
async function addEntraFunctions(admin: pg.Client): Promise<void> {
  await admin.query(`
    CREATE OR REPLACE FUNCTION public.pgaadauth_create_principal(rolename text, isadmin boolean, ismfa boolean)
    RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
    BEGIN
      IF NOT pg_has_role(session_user, 'azure_pg_admin', 'USAGE') THEN
        RAISE EXCEPTION 'permission denied for function pgaadauth_create_principal' USING ERRCODE = '42501';
      END IF;
      EXECUTE format('CREATE ROLE %I LOGIN', rolename);
      EXECUTE format('GRANT azure_ad_user TO %I', rolename);
      IF isadmin THEN EXECUTE format('GRANT azure_pg_admin TO %I', rolename); END IF;
      RETURN 'Created role for ' || quote_ident(rolename);
    END $$`)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
