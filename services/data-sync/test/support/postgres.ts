import { execFile } from 'node:child_process'
import { access, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'

const run = promisify(execFile)
const installed = '/usr/lib/postgresql'

export interface Postgres extends AsyncDisposable {
  /** For DATABASE_URL, with DATABASE_TLS=off where it has no TLS. */
  readonly url: string
  readonly port: number
  /** PEM of what signed its certificate, where it has one. */
  readonly caFile: string
}

export interface PostgresOptions {
  /** Then it asks for this password, and takes nothing but TLS. */
  readonly password: string
  /** Names and addresses in its certificate, `DNS:database.example` for instance. */
  readonly certificateFor: string
}

/** Where the server's programs are, the newest version's; undefined where there is none. */
export async function postgresPrograms(): Promise<string | undefined> {
  const versions = await readdir(installed).catch(() => [])
  const newest = versions.sort((one, other) => Number(one) - Number(other)).at(-1)
  if (newest === undefined) return undefined
  const folder = join(installed, newest, 'bin')
  return await access(join(folder, 'initdb')).then(
    () => folder,
    () => undefined,
  )
}

/** A private server in a temporary folder, by an unprivileged user: it refuses to run as root. */
export async function startPostgres(programs: string, secured?: PostgresOptions): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'data-sync-postgres-'))
  const user = process.getuid?.() === 0 ? await unprivileged() : undefined
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  const port = await freePort()
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  const caFile = join(folder, 'cert.pem')
  const keyFile = join(folder, 'key.pem')
  const as = { ...user, cwd: folder, env: { LC_ALL: 'C.UTF-8', PATH: process.env['PATH'] } }
  const program = (name: string, ...args: string[]) => run(join(programs, name), args, as)
  const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', 'fsync=off']
  const authentication =
    secured === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', '--pwfile', passwordFile]
  if (secured !== undefined) {
    await writeFile(passwordFile, secured.password, { mode: 0o644 })
    const certificate =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=database'
    const names = ['-addext', `subjectAltName=${secured.certificateFor}`]
    await run('openssl', [...certificate.split(' '), ...names, '-keyout', keyFile, '-out', caFile], as)
    settings.push('ssl=on', `ssl_cert_file=${caFile}`, `ssl_key_file=${keyFile}`)
  }
  await program('initdb', ...authentication, '--username=mlp', '--no-sync', data)
  if (secured !== undefined)
    await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n')
  const options = settings.map(setting => `-c ${setting}`).join(' ')
  const log = join(folder, 'log')
  await program('pg_ctl', '--pgdata', data, '--wait', '--log', log, '--options', options, 'start')
  return {
    url: `postgres://mlp@127.0.0.1:${port}/postgres`,
    port,
    caFile,
    async [Symbol.asyncDispose]() {
      await program('pg_ctl', '--pgdata', data, '--mode=immediate', 'stop')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function unprivileged(): Promise<{ uid: number; gid: number }> {
  const id = async (flag: string) => Number((await run('id', [flag, 'nobody'])).stdout)
  return { uid: await id('-u'), gid: await id('-g') }
}
