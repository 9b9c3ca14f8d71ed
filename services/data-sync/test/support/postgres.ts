import { execFile } from 'node:child_process'
import { access, chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from './free-port.ts'

const run = promisify(execFile)
const installed = '/usr/lib/postgresql'

export interface Postgres extends AsyncDisposable {
  /** For DATABASE_URL, with DATABASE_TLS=off. */
  readonly url: string
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
export async function startPostgres(programs: string): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'data-sync-postgres-'))
  const user = process.getuid?.() === 0 ? await unprivileged() : undefined
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  const port = await freePort()
  const data = join(folder, 'data')
  const program = (name: string, ...args: string[]) =>
    run(join(programs, name), args, { ...user, cwd: folder, env: { LC_ALL: 'C.UTF-8' } })
  await program('initdb', '--auth=trust', '--username=mlp', '--no-sync', data)
  const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories= -c fsync=off`
  await program(
    'pg_ctl',
    '--pgdata',
    data,
    '--wait',
    '--log',
    join(folder, 'log'),
    '--options',
    options,
    'start',
  )
  return {
    url: `postgres://mlp@127.0.0.1:${port}/postgres`,
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
