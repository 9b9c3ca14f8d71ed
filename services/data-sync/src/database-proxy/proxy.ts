import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { authorities } from '../database/authorities.ts'
import { type PasswordProvider, passwordProviders } from '../database/passwords.ts'
import { verified } from '../database/postgres.ts'
import { codes, message, parametersOf, readExactly, readFirst, readMessage, startup } from './messages.ts'
import type { ProxySettings } from './settings.ts'

const passwordAsked = 3
const welcome = 0

/**
 * Lets programs of the same pod into PostgreSQL that cannot take tokens for passwords: whoever connects is the pod's
 * identity, over TLS that is verified, with a token of this moment. On loopback only: the pod is what is trusted.
 */
export async function openProxy(settings: ProxySettings, warn: (error: unknown) => void): Promise<Server> {
  const { DATABASE_URL: url, DATABASE_AUTHENTICATION: authentication } = settings
  if (url.kind !== 'postgres' || authentication === 'password')
    throw new Error('the proxy is for PostgreSQL and tokens')
  const password = await passwordProviders[authentication](url)
  const tls = verified({
    name: settings.DATABASE_TLS_NAME ?? url.host,
    ca: await authorities(settings.DATABASE_CA_FILE, authentication === 'aws-iam'),
  })
  const reach = async (): Promise<TLSSocket> => {
    const plain = connect({ host: url.host, port: url.port })
    const asked = Buffer.alloc(8)
    asked.writeInt32BE(8, 0)
    asked.writeInt32BE(codes.ssl, 4)
    plain.write(asked)
    if ((await readExactly(plain, 1)).toString() !== 'S') throw new Error(`${url.host} offers no TLS`)
    const secured = connectTls({ socket: plain, ...tls })
    await once(secured, 'secureConnect')
    return secured
  }
  const server = createServer(client => {
    client.on('error', () => undefined)
    letIn(client, settings, reach, password).catch(error => {
      // A probe looks whether somebody listens, and goes.
      if (client.bytesRead > 0) warn(error)
      client.destroy()
    })
  })
  server.listen(settings.PORT, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function letIn(
  client: Socket,
  { DATABASE_URL: url, DATABASE_SCHEMA: schema }: ProxySettings,
  reach: () => Promise<TLSSocket>,
  password: PasswordProvider,
): Promise<void> {
  for (;;) {
    const { code, packet } = await readFirst(client)
    if (code === codes.ssl || code === codes.gss) {
      client.write('N')
      continue
    }
    const upstream = await reach()
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
    if (code === codes.cancel) {
      upstream.end(packet)
      return
    }
    const parameters = parametersOf(packet)
    if (url.kind === 'postgres') parameters.set('user', url.user).set('database', url.database)
    if (schema !== undefined) parameters.set('options', `-c search_path=${schema}`)
    upstream.write(startup(parameters))
    await signIn(upstream, client, password)
    upstream.pipe(client).pipe(upstream)
    return
  }
}

/** Answers the server's question for a password, and hands on what it says of it. */
async function signIn(upstream: Duplex, client: Duplex, password: PasswordProvider): Promise<void> {
  for (;;) {
    const { type, packet } = await readMessage(upstream)
    const asks = type === 'R' ? packet.readInt32BE(5) : undefined
    if (asks === passwordAsked) upstream.write(message('p', await password()))
    else if (asks !== undefined && asks !== welcome)
      throw new Error(`the server asks for a password in a way (${asks}) that tokens do not go`)
    else {
      client.write(packet)
      return
    }
  }
}
