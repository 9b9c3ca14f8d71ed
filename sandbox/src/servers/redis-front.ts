import { connect, type Socket } from 'node:net'
import { pipeline, Transform } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'

export interface RedisFront {
  /** Redis' own unix socket. */
  readonly socket: string
  readonly secureContext: SecureContext
  /** The password that Redis itself knows the user by, when the token signs it in; undefined otherwise. */
  passwordFor(user: string, token: string): string | undefined
}

/** What a managed Redis adds to Redis: TLS, and tokens of the cloud's identities as passwords. */
export function welcomeToRedis(plain: Socket, front: RedisFront): void {
  const client = new TLSSocket(plain, { isServer: true, secureContext: front.secureContext })
  const upstream = connect(front.socket)
  plain.on('error', () => client.destroy())
  pipeline(client, translateSignIn(front.passwordFor), upstream, client, () => {
    client.destroy()
    upstream.destroy()
  })
}

/** A password that no user has: Redis then refuses in its own words. */
const wrongPassword = 'wrong'

/**
 * Passes commands on as they come, but for AUTH and HELLO with AUTH, whose tokens become the passwords that Redis knows.
 * https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
function translateSignIn(passwordFor: RedisFront['passwordFor']): Transform {
  let held: Buffer = Buffer.alloc(0)
  /** Of a command that is of no interest: bytes of the argument under way, and arguments after it. */
  let [passing, argumentsLeft] = [0, 0]

  const line = (): string | undefined => {
    const end = held.indexOf('\r\n')
    if (end < 0) return undefined
    return held.toString('latin1', 0, end)
  }
  const take = (bytes: number): Buffer => {
    const taken = held.subarray(0, bytes)
    held = held.subarray(bytes)
    return taken
  }

  /** What can be sent on now; undefined when more has to come first. */
  function next(): Buffer | undefined {
    if (held.length === 0) return undefined
    if (passing > 0) {
      const part = take(Math.min(passing, held.length))
      passing -= part.length
      return part
    }
    if (argumentsLeft > 0) {
      const head = line()
      if (head === undefined) return undefined
      argumentsLeft -= 1
      passing = lengthOf(head) + 2
      return take(head.length + 2)
    }
    const command = commandName(held)
    if (command === undefined) return undefined
    if (command.isSignIn) {
      const whole = wholeCommand(held)
      if (whole === undefined) return undefined
      take(whole.bytes)
      return encode(translated(whole.words, passwordFor))
    }
    argumentsLeft = command.arguments
    return take(command.headBytes)
  }

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (let part = next(); part !== undefined; part = next()) this.push(Buffer.from(part))
      done()
    },
  })
}

function translated(words: readonly string[], passwordFor: RedisFront['passwordFor']): readonly string[] {
  const at = words.findIndex(word => word.toUpperCase() === 'AUTH')
  if (at < 0) return words
  // HELLO has options after the password.
  const isHello = at > 0
  const named = isHello || words.length - at > 2
  const user = named ? (words[at + 1] ?? '') : 'default'
  const token = words[at + (named ? 2 : 1)] ?? ''
  const rest = words.slice(at + (named ? 3 : 2))
  return [...words.slice(0, at), 'AUTH', user, passwordFor(user, token) ?? wrongPassword, ...rest]
}

/** The head of a command up to its name; inline commands end at their line's end. */
function commandName(
  bytes: Buffer,
): { readonly isSignIn: boolean; readonly arguments: number; readonly headBytes: number } | undefined {
  const end = bytes.indexOf('\r\n')
  if (end < 0) return undefined
  if (bytes[0] !== 0x2a) {
    const [word = ''] = bytes.toString('latin1', 0, end).trim().split(/\s+/)
    return { isSignIn: isSignIn(word), arguments: 0, headBytes: end + 2 }
  }
  const count = Number(bytes.toString('latin1', 1, end))
  if (count < 1) return { isSignIn: false, arguments: 0, headBytes: end + 2 }
  const second = bytes.indexOf('\r\n', end + 2)
  if (second < 0) return undefined
  const length = lengthOf(bytes.toString('latin1', end + 2, second))
  const headBytes = second + 2 + length + 2
  if (bytes.length < headBytes) return undefined
  return {
    isSignIn: isSignIn(bytes.toString('latin1', second + 2, second + 2 + length)),
    arguments: count - 1,
    headBytes,
  }
}

function wholeCommand(
  bytes: Buffer,
): { readonly words: readonly string[]; readonly bytes: number } | undefined {
  const end = bytes.indexOf('\r\n')
  if (bytes[0] !== 0x2a) return { words: bytes.toString('utf8', 0, end).trim().split(/\s+/), bytes: end + 2 }
  const words: string[] = []
  let at = end + 2
  for (let left = Number(bytes.toString('latin1', 1, end)); left > 0; left--) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const length = lengthOf(bytes.toString('latin1', at, lineEnd))
    const start = lineEnd + 2
    if (bytes.length < start + length + 2) return undefined
    words.push(bytes.toString('utf8', start, start + length))
    at = start + length + 2
  }
  return { words, bytes: at }
}

function isSignIn(name: string): boolean {
  return ['AUTH', 'HELLO'].includes(name.toUpperCase())
}

/** `$<length>` */
function lengthOf(head: string): number {
  return Math.max(0, Number(head.slice(1)) || 0)
}

function encode(words: readonly string[]): Buffer {
  const parts = words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
  return Buffer.from(`*${words.length}\r\n${parts.join('')}`)
}
