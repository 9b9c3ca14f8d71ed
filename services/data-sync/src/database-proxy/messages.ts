import type { Duplex } from 'node:stream'

// https://www.postgresql.org/docs/17/protocol-message-formats.html

export const codes = { startup: 196_608, ssl: 80_877_103, gss: 80_877_104, cancel: 80_877_102 } as const
const largest = 64 * 1024

/** What a client says first, or an SSL request: without a type, the length and a code. */
export async function readFirst(stream: Duplex): Promise<{ readonly code: number; readonly packet: Buffer }> {
  const head = await readExactly(stream, 8)
  const length = head.readInt32BE(0)
  if (length < 8 || length > largest) throw new Error('a client that does not speak PostgreSQL')
  const packet = Buffer.concat([head, await readExactly(stream, length - 8)])
  return { code: head.readInt32BE(4), packet }
}

export async function readMessage(
  stream: Duplex,
): Promise<{ readonly type: string; readonly packet: Buffer }> {
  const head = await readExactly(stream, 5)
  const length = head.readInt32BE(1)
  if (length < 4 || length > largest) throw new Error('a server that does not speak PostgreSQL')
  return {
    type: String.fromCharCode(head[0] ?? 0),
    packet: Buffer.concat([head, await readExactly(stream, length - 4)]),
  }
}

export function parametersOf(packet: Buffer): Map<string, string> {
  const texts = packet.subarray(8).toString('utf8').split('\0')
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < texts.length && texts[index] !== ''; index += 2)
    pairs.push([texts[index] ?? '', texts[index + 1] ?? ''])
  return new Map(pairs)
}

export function startup(parameters: ReadonlyMap<string, string>): Buffer {
  const body = Buffer.from(`${[...parameters].flat().join('\0')}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 8, 0)
  head.writeInt32BE(codes.startup, 4)
  return Buffer.concat([head, body])
}

export function message(type: string, text: string): Buffer {
  const body = Buffer.from(`${text}\0`)
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** Nothing is taken that was not asked for, so that what follows can be piped. */
export async function readExactly(stream: Duplex, length: number): Promise<Buffer> {
  for (;;) {
    const chunk: unknown = length === 0 ? Buffer.alloc(0) : stream.read(length)
    if (Buffer.isBuffer(chunk) && chunk.length === length) return chunk
    if (stream.readableEnded || stream.destroyed) throw new Error('the other side went away')
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error) => {
        stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', done)
        if (error === undefined) resolve()
        else reject(error)
      }
      const onReadable = () => done()
      const onEnd = () => done(new Error('the other side went away'))
      stream.once('readable', onReadable).once('end', onEnd).once('close', onEnd).once('error', done)
    })
  }
}
