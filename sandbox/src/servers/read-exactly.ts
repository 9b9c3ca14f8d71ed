import { once } from 'node:events'
import type { Duplex } from 'node:stream'

/** The next so many bytes of a stream that is not flowing; throws when it ends before. */
export async function readExactly(stream: Duplex, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk: unknown = stream.read(bytes)
    if (Buffer.isBuffer(chunk) && chunk.length === bytes) return chunk
    if (stream.readableEnded || stream.destroyed || chunk !== null) throw new Error('the client left')
    await Promise.race([once(stream, 'readable'), once(stream, 'end'), once(stream, 'close')])
  }
}
