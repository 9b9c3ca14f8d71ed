import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { readExactly } from './read-exactly.ts'

/** https://www.postgresql.org/docs/17/protocol-message-formats.html */
const [sslRequest, gssRequest, cancelRequest] = [80_877_103, 80_877_104, 80_877_102]
const largestPacket = 64 * 1024
const signInWithinMs = 60_000

export interface PostgresFront {
  /** PostgreSQL's own unix socket, where it trusts whoever comes. */
  readonly socket: string
  readonly secureContext: SecureContext
  /** Whether this secret signs the user in. */
  admits(user: string, secret: string): Promise<boolean>
}

/**
 * What a managed PostgreSQL adds to PostgreSQL: nobody enters without TLS, and tokens of the cloud's identities are
 * passwords. Asks for the password in the clear inside of TLS, as the clouds do for tokens, and steps aside once the
 * user is in.
 */
export async function welcomeToPostgres(plain: Socket, front: PostgresFront): Promise<void> {
  const deadline = setTimeout(() => plain.destroy(), signInWithinMs)
  try {
    const entered = await signIn(plain, front)
    if (entered === undefined) return
    const { client, startup } = entered
    const upstream = connect(front.socket)
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
    upstream.write(startup)
    upstream.pipe(client).pipe(upstream)
  } catch {
    plain.destroy()
  } finally {
    clearTimeout(deadline)
  }
}

async function signIn(
  plain: Socket,
  front: PostgresFront,
): Promise<{ readonly client: Duplex; readonly startup: Buffer } | undefined> {
  let client: Duplex = plain
  for (;;) {
    const packet = await readPacket(client)
    const code = packet.readInt32BE(4)
    if (code === sslRequest && client === plain) {
      plain.write('S')
      const secured = new TLSSocket(plain, { isServer: true, secureContext: front.secureContext })
      secured.on('error', () => plain.destroy())
      client = secured
    } else if (code === gssRequest || code === sslRequest) client.write('N')
    else if (code === cancelRequest) {
      connect(front.socket)
        .on('error', () => undefined)
        .end(packet)
      client.end()
      return undefined
    } else {
      const parameters = startupParameters(packet)
      const user = parameters.get('user') ?? ''
      const database = parameters.get('database') ?? user
      if (client === plain) {
        refuse(
          client,
          '28000',
          `no pg_hba.conf entry for host, user "${user}", database "${database}", no encryption`,
        )
        return undefined
      }
      client.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]))
      const secret = await readPassword(client)
      if (await front.admits(user, secret)) return { client, startup: packet }
      refuse(client, '28P01', `password authentication failed for user "${user}"`)
      return undefined
    }
  }
}

async function readPacket(client: Duplex): Promise<Buffer> {
  const head = await readExactly(client, 4)
  const length = head.readInt32BE(0)
  if (length < 8 || length > largestPacket) throw new Error('not PostgreSQL')
  return Buffer.concat([head, await readExactly(client, length - 4)])
}

async function readPassword(client: Duplex): Promise<string> {
  const head = await readExactly(client, 5)
  const length = head.readInt32BE(1)
  if (head[0] !== 0x70 || length < 5 || length > largestPacket) throw new Error('no password')
  return (await readExactly(client, length - 4)).toString('utf8').replace(/\0$/, '')
}

function startupParameters(packet: Buffer): ReadonlyMap<string, string> {
  const texts = packet.subarray(8).toString('utf8').split('\0')
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < texts.length && texts[index] !== ''; index += 2)
    pairs.push([texts[index] ?? '', texts[index + 1] ?? ''])
  return new Map(pairs)
}

function refuse(client: Duplex, code: string, message: string): void {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head[0] = 0x45
  head.writeInt32BE(body.length + 4, 1)
  client.end(Buffer.concat([head, body]))
}

const derive = promisify(pbkdf2)

/** Whether a password is the one that PostgreSQL keeps a verifier of (RFC 5803). */
export async function fitsVerifier(password: string, verifier: string | null): Promise<boolean> {
  const [, iterations, salt, storedKey] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):/.exec(verifier ?? '') ?? []
  if (iterations === undefined || salt === undefined || storedKey === undefined) return false
  const salted = await derive(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const expected = Buffer.from(storedKey, 'base64')
  const given = createHash('sha256').update(clientKey).digest()
  return expected.length === given.length && timingSafeEqual(given, expected)
}
