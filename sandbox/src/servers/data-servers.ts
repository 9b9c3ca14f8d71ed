import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type pg from 'pg'
import * as z from 'zod'
import { findRedisServer } from '../../../src/tools/toolchain/redis-server.ts'
import { certifiedHosts } from '../http/certified-hosts.ts'
import { listenOnSocket } from '../http/listen-on-socket.ts'
import type { KeyPair } from '../kubernetes/pki.ts'
import type { Supervisor } from '../processes/supervisor.ts'
import type { World } from '../world.ts'
import { findPostgres } from './find-programs.ts'
import { connectAsSuperuser, startPostgres, superuser } from './postgres.ts'
import { fitsVerifier, welcomeToPostgres } from './postgres-front.ts'
import { startRedis } from './redis.ts'
import { welcomeToRedis } from './redis-front.ts'
import { mayEnter } from './sign-in.ts'
import { type DataServer, internalPassword, type PostgresServer, wantedServers } from './wanted.ts'

/** Where pods of a cloud's clusters find one of its servers. */
export interface ServerDoor {
  readonly hosts: readonly string[]
  readonly address: string
  readonly port: number
  /** Unix socket that speaks the server's protocol inside of TLS. */
  readonly socket: string
}

/** The real servers behind the simulated database and cache instances. */
export interface DataServers {
  /** Says that the store has changed: servers are started, changed and removed to fit it. */
  changed(): void
  /** Resolves when the servers fit the store, or could not be made to. */
  settled(): Promise<void>
  doors(cloud: string): readonly ServerDoor[]
  /** What the status says: what serves, and what is only a record since its program is missing. */
  describe(): { readonly real: readonly string[]; readonly missing: readonly string[] }
  /** Stops listening; the processes are the supervisor's. */
  close(): void
}

export interface DataServersOptions {
  readonly home: string
  readonly socketFolder: string
  readonly authority: KeyPair
  readonly world: World
  readonly processes: Supervisor
  readonly path: string | undefined
  bringUp(name: string, start: () => Promise<void>): Promise<void>
  /** Doors have appeared or gone. */
  onDoors(): void
}

interface Open {
  readonly server: DataServer
  readonly specification: string
  readonly door: ServerDoor
  readonly listener: Server
}

const kinds = { postgres: 'databases', redis: 'caches' } as const

export async function openDataServers(options: DataServersOptions): Promise<DataServers> {
  const { home, socketFolder, world, processes } = options
  const open = new Map<string, Open>()
  const contextOf = certifiedHosts(options.authority)
  const programs = {
    postgres: await findPostgres(join(home, 'databases', 'libraries')),
    redis: await findRedisServer(options.path),
  }
  const nameOf = (server: DataServer) => `${kinds[server.kind]}/${server.id}`
  const shortOf = (name: string) => createHash('sha256').update(name).digest('hex').slice(0, 10)
  const short = (server: DataServer) => shortOf(nameOf(server))
  const folderOf = (server: DataServer) => join(home, kinds[server.kind], server.id)

  async function start(server: DataServer): Promise<void> {
    const place = {
      folder: folderOf(server),
      logFile: join(home, 'log', `${nameOf(server).replaceAll('/', '-')}.log`),
    }
    const own = join(socketFolder, `s-${short(server)}`)
    if (server.kind === 'postgres') {
      if (programs.postgres === undefined) return
      const pristine = join(home, 'databases', 'pristine')
      const origin = originOf(server)
      await startPostgres(
        server,
        { ...place, pristine, socketFolder: own, origin },
        programs.postgres,
        processes,
      )
    } else {
      if (programs.redis === undefined) return
      const password = internalPassword(world, server.id)
      await startRedis(server, { ...place, socket: own }, programs.redis, password, processes)
    }
    open.get(nameOf(server))?.listener.close()
    const door = { ...server, socket: join(socketFolder, `d-${short(server)}`) }
    const listener = await listen(door.socket, server, own)
    open.set(nameOf(server), { server, specification: JSON.stringify(server), door, listener })
  }

  function originOf({ copyOf }: PostgresServer) {
    if (copyOf === undefined) return undefined
    const name = `${kinds.postgres}/${copyOf}`
    return { data: join(home, name, 'data'), socketFolder: join(socketFolder, `s-${shortOf(name)}`) }
  }

  async function listen(path: string, server: DataServer, own: string): Promise<Server> {
    const secureContext = await contextOf(server.hosts)
    const listener = createServer({ pauseOnConnect: server.kind === 'postgres' }, client => {
      client.on('error', () => client.destroy())
      if (server.kind === 'redis')
        welcomeToRedis(client, {
          socket: own,
          secureContext,
          passwordFor: (user, token) =>
            mayEnter(world, server, user, token) ? internalPassword(world, server.id) : undefined,
        })
      else
        void welcomeToPostgres(client, {
          socket: join(own, '.s.PGSQL.5432'),
          secureContext,
          admits: (user, secret) => admits(server, own, user, secret),
        })
    })
    return listenOnSocket(listener, path)
  }

  async function admits(server: PostgresServer, own: string, user: string, secret: string): Promise<boolean> {
    if (user === superuser) return false
    let admin: pg.Client | undefined
    try {
      admin = await connectAsSuperuser(own)
      const { rows } = await admin.query(
        `SELECT rolpassword, rolcanlogin, pg_has_role(rolname, $2, 'USAGE') AS by_token
         FROM pg_authid WHERE rolname = $1`,
        [user, server.tokenRole],
      )
      const role = roleSchema.safeParse(rows[0]).data
      if (role === undefined || !role.rolcanlogin) return false
      return role.by_token ? mayEnter(world, server, user, secret) : fitsVerifier(secret, role.rolpassword)
    } finally {
      await admin?.end()
    }
  }

  async function remove(name: string): Promise<void> {
    open.get(name)?.listener.close()
    open.delete(name)
    await processes.stop(name)
    await rm(join(home, name), { recursive: true, force: true })
  }

  async function fit(): Promise<void> {
    const wanted = new Map(wantedServers(world).map(server => [nameOf(server), server]))
    for (const name of await kept()) if (!wanted.has(name)) await remove(name)
    await Promise.all(
      [...wanted].map(async ([name, server]) => {
        if (open.get(name)?.specification === JSON.stringify(server)) return
        await options.bringUp(name, () => start(server)).catch(() => undefined)
      }),
    )
    options.onDoors()
  }

  /** Names of all servers that have data or run. */
  async function kept(): Promise<readonly string[]> {
    const found = new Set(open.keys())
    for (const kind of Object.values(kinds))
      for (const cloud of ['aws', 'gcp', 'azure'])
        for (const name of await readdir(join(home, kind, cloud)).catch(() => []))
          found.add(`${kind}/${cloud}/${name}`)
    return [...found]
  }

  let fitting: Promise<void> = Promise.resolve()
  let waiting = false
  let closed = false
  function changed(): void {
    if (waiting || closed) return
    waiting = true
    fitting = fitting.then(async () => {
      waiting = false
      if (!closed) await fit().catch((error: unknown) => world.log(`databases and caches: ${String(error)}`))
    })
  }

  return {
    changed,
    async settled() {
      for (let last: unknown; last !== fitting; ) {
        last = fitting
        await fitting
      }
    },
    doors: cloud => [...open.values()].filter(({ server }) => server.cloud === cloud).map(({ door }) => door),
    describe: () => ({
      real: [
        ...(programs.postgres === undefined
          ? []
          : ['PostgreSQL behind RDS, Cloud SQL and Azure flexible server, once terraform has made one']),
        ...(programs.redis === undefined
          ? []
          : ['Redis behind ElastiCache, Memorystore and Azure Managed Redis, once terraform has made one']),
      ],
      missing: [
        ...(programs.postgres === undefined
          ? ['databases: records only, since neither npm’s PostgreSQL nor Debian’s is installed']
          : []),
        ...(programs.redis === undefined
          ? [
              'caches: records only, since redis-server is not installed (Debian: apt-get install redis-server)',
            ]
          : []),
      ],
    }),
    close() {
      closed = true
      for (const { listener } of open.values()) listener.close()
    },
  }
}

const roleSchema = z.object({
  rolpassword: z.string().nullable(),
  rolcanlogin: z.boolean(),
  by_token: z.boolean(),
})
