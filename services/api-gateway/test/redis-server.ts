import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { eventually } from '@mlp/service-kit/testing'
import * as z from 'zod'

const run = promisify(execFile)

export interface RedisServer extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly caFile: string
  /** What redis-cli prints. */
  command(...words: readonly string[]): Promise<string>
  stop(): Promise<void>
}

/** Undefined where redis-server is not installed. */
export async function findRedis(): Promise<string | undefined> {
  return run('redis-server', ['--version']).then(
    () => 'redis-server',
    () => undefined,
  )
}

interface RedisOptions {
  readonly port?: number
  readonly cluster?: boolean
  /** In the place of another, whose certificate it takes over. */
  readonly certificateOf?: RedisServer
}

/**
 * A real redis-server, with TLS only, in which `default` may do everything and the user `gateway` what phase 1's
 * ElastiCache allows a service: its own keys, no administration.
 */
export async function startRedis({
  port: wanted,
  cluster = false,
  certificateOf,
}: RedisOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'))
  const files = dirname(certificateOf?.caFile ?? join(folder, 'cert.pem'))
  const [keyFile, caFile] = [join(files, 'key.pem'), join(files, 'cert.pem')]
  if (certificateOf === undefined) await createCertificate(keyFile, caFile)
  const port = wanted ?? (await freePort())
  await writeFile(
    join(folder, 'redis.conf'),
    [
      'bind 127.0.0.1',
      'port 0',
      `tls-port ${port}`,
      `tls-cert-file ${caFile}`,
      `tls-key-file ${keyFile}`,
      `tls-ca-cert-file ${caFile}`,
      'tls-auth-clients no',
      'save ""',
      `dir ${folder}`,
      'user gateway on >first >second ~api-gateway:* +@all -@admin -@dangerous +cluster|slots +cluster|shards',
      ...(cluster ? ['cluster-enabled yes', 'tls-cluster yes', `cluster-port ${await freePort()}`] : []),
    ].join('\n'),
  )
  const child = spawn('redis-server', [join(folder, 'redis.conf')], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  await eventually('redis to listen', () => listens(port))
  const server: RedisServer = {
    url: `rediss://127.0.0.1:${port}`,
    port,
    caFile,
    async command(...words) {
      const { stdout } = await run('redis-cli', ['--tls', '--cacert', caFile, '-p', String(port), ...words])
      return stdout.trim()
    },
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      await rm(folder, { recursive: true })
    },
  }
  if (cluster) {
    await server.command('cluster', 'addslotsrange', '0', '16383')
    await eventually('the cluster', async () =>
      (await server.command('cluster', 'info')).includes('cluster_state:ok'),
    )
  }
  return server
}

async function createCertificate(keyFile: string, certificateFile: string): Promise<void> {
  const certificate = '-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost'
  await run('openssl', [
    'req',
    ...certificate.split(' '),
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout',
    keyFile,
    '-out',
    certificateFile,
  ])
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const answer = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return answer
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = z.object({ port: z.int() }).parse(server.address())
  server.close()
  return port
}
