import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePorts } from '../kubernetes/ports.ts'
import type { ProcessSupervisor } from '../kubernetes/process-supervisor.ts'
import { readOrMake } from './kept-port.ts'
import type { RedisServer } from './wanted.ts'

const readyTimeoutMs = 30_000
const pollMs = 25
/** Whom the sandbox itself is. */
const manager = 'sandbox-manager'

export interface RedisPlace {
  readonly folder: string
  /** Its unix socket. */
  readonly socket: string
  readonly logFile: string
}

/** Starts the server, or adopts it, and gives its users their rules. */
export async function startRedis(
  server: RedisServer,
  place: RedisPlace,
  program: string,
  password: string,
  processes: ProcessSupervisor,
): Promise<void> {
  await mkdir(place.folder, { recursive: true, mode: 0o700 })
  // A Redis that is started again has its users from here.
  const users = join(place.folder, 'users.acl')
  await writeFile(users, '', { flag: 'a', mode: 0o600 })
  const settings: Record<string, string> = {
    port: '0',
    aclfile: users,
    bind: '127.0.0.1',
    unixsocket: place.socket,
    unixsocketperm: '700',
    dir: place.folder,
    appendonly: 'yes',
    save: '',
    maxmemory: '64mb',
    'maxmemory-policy': 'allkeys-lru',
    daemonize: 'no',
  }
  if (server.clustered) {
    const port = await readOrMake(join(place.folder, 'cluster-port.json'), async () => {
      const [free] = await findFreePorts(1, new Set())
      if (free === undefined) throw new Error('no port is free')
      return free
    })
    Object.assign(settings, {
      'cluster-enabled': 'yes',
      'cluster-port': String(port),
      // Nobody else is in it; clients are told the address that they know it by.
      'cluster-announce-ip': server.address,
      'cluster-announce-port': String(server.port),
    })
  }
  // Users are not in the arguments, which the machine's other users can read.
  await processes.ensure({
    name: `caches/${server.id}`,
    file: program,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    env: { PATH: '/usr/bin:/bin' },
    cwd: place.folder,
    logFile: place.logFile,
  })
  await untilReady(place.socket, password)
  const commands = [
    ...server.users
      // The default user has no password until now: what it is to be, it is at last.
      .toSorted((a, b) => Number(a.name === 'default') - Number(b.name === 'default'))
      .map(({ name, rules }) => ['ACL', 'SETUSER', name, 'reset', `>${password}`, ...rules.split(/\s+/)]),
    ...(server.users.some(({ name }) => name === 'default') ? [] : [['ACL', 'SETUSER', 'default', 'reset']]),
  ]
  await ask(place.socket, [['AUTH', manager, password], ...commands, ['ACL', 'SAVE']])
  if (!server.clustered) return
  const signedIn = (...words: readonly string[]) => ask(place.socket, [['AUTH', manager, password], words])
  if (!(await signedIn('CLUSTER', 'INFO')).includes('cluster_slots_assigned:16384'))
    await signedIn('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  // A node waits two seconds before it takes itself for the whole cluster.
  const deadline = Date.now() + readyTimeoutMs
  while (!(await signedIn('CLUSTER', 'INFO')).includes('cluster_state:ok')) {
    if (Date.now() > deadline) throw new Error('the redis cluster does not come up')
    await delay(pollMs)
  }
}

/** A new process has its default user only, which makes the sandbox's own. */
async function untilReady(socket: string, password: string): Promise<void> {
  const deadline = Date.now() + readyTimeoutMs
  for (;;) {
    try {
      await ask(socket, [['AUTH', manager, password]]).catch(() =>
        ask(socket, [['ACL', 'SETUSER', manager, 'reset', `>${password}`, 'on', '~*', '&*', '+@all']]),
      )
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await delay(pollMs)
    }
  }
}

/** Sends commands and returns all that was answered; throws the first error among it. */
async function ask(path: string, commands: readonly (readonly string[])[]): Promise<string> {
  const socket = connect(path)
  socket.setTimeout(readyTimeoutMs, () => socket.destroy(new Error('redis does not answer')))
  await once(socket, 'connect')
  for (const words of [...commands, ['QUIT']])
    socket.write(
      `*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
    )
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(Buffer.from(chunk))
  const answer = Buffer.concat(chunks).toString('utf8')
  const error = /^-(.*)\r$/m.exec(answer)?.[1]
  if (error !== undefined) throw new Error(`redis: ${error}`)
  return answer
}
