import { Duplex } from 'node:stream'
import { constants, createDeflate, createInflate } from 'node:zlib'
import { spdyDictionary } from './spdy-dictionary.ts'

const [synStream, synReply, rstStream, ping, goAway] = [1, 2, 3, 6, 7]
const version = 3
const fin = 1
const largestFrameBytes = 1 << 20

export interface SpdyStream {
  readonly headers: ReadonlyMap<string, string>
  readonly duplex: Duplex
}

/**
 * The server's side of SPDY/3.1 as Kubernetes streams with it (kubectl exec and port-forward): streams that the client
 * opens, both ways, without flow control. https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
 */
export function serveSpdy(socket: Duplex, onStream: (stream: SpdyStream) => void): void {
  const streams = new Map<number, { duplex: Duplex; receivedEnd: boolean }>()
  const inflate = createInflate({ dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH })
  const deflate = createDeflate({ dictionary: spdyDictionary })
  let inflated: Buffer[] = []
  let deflated: Buffer[] = []
  inflate.on('data', (chunk: Buffer) => inflated.push(chunk))
  deflate.on('data', (chunk: Buffer) => deflated.push(chunk))
  for (const part of [inflate, deflate]) part.on('error', () => socket.destroy())

  let received: Buffer = Buffer.alloc(0)
  /** Headers are decompressed one after the other, and no later frame overtakes them. */
  let handling: Promise<void> = Promise.resolve()
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    for (;;) {
      if (received.length < 8) return
      const length = received.readUIntBE(5, 3)
      if (length > largestFrameBytes) return void socket.destroy()
      if (received.length < 8 + length) return
      const frame = received.subarray(0, 8 + length)
      received = received.subarray(8 + length)
      handling = handling.then(() => handle(frame)).catch(() => void socket.destroy())
    }
  })
  socket.on('close', () => {
    for (const { duplex } of streams.values()) duplex.destroy()
    inflate.close()
    deflate.close()
  })
  socket.on('error', () => socket.destroy())

  async function handle(frame: Buffer): Promise<void> {
    const first = frame.readUInt32BE(0)
    if (first < 0x8000_0000) return receive(first, frame[4] ?? 0, frame.subarray(8))
    const type = first & 0xffff
    if (type === synStream) await open(frame)
    else if (type === rstStream) streams.get(frame.readUInt32BE(8))?.duplex.destroy()
    else if (type === ping) socket.write(frame)
    else if (type === goAway) for (const { duplex } of streams.values()) duplex.end()
  }

  function receive(id: number, flags: number, data: Buffer): void {
    const stream = streams.get(id)
    if (stream === undefined || stream.receivedEnd) return
    if (data.length > 0) stream.duplex.push(data)
    if ((flags & fin) !== 0) endReading(stream)
  }

  function endReading(stream: { duplex: Duplex; receivedEnd: boolean }): void {
    stream.receivedEnd = true
    stream.duplex.push(null)
  }

  async function open(frame: Buffer): Promise<void> {
    const id = frame.readUInt32BE(8) & 0x7fff_ffff
    const headers = parseHeaders(await decompress(frame.subarray(18)))
    const duplex = new Duplex({
      allowHalfOpen: true,
      read() {},
      write(chunk: Buffer, _encoding, done) {
        send(id, 0, chunk, done)
      },
      final(done) {
        send(id, fin, Buffer.alloc(0), done)
      },
      destroy(error, done) {
        streams.delete(id)
        done(error)
      },
    })
    duplex.on('error', () => undefined)
    const stream = { duplex, receivedEnd: false }
    streams.set(id, stream)
    await reply(id)
    if (((frame[4] ?? 0) & fin) !== 0) endReading(stream)
    onStream({ headers, duplex })
  }

  function send(id: number, flags: number, data: Buffer, done: () => void): void {
    const head = Buffer.alloc(8)
    head.writeUInt32BE(id, 0)
    head.writeUInt8(flags, 4)
    head.writeUIntBE(data.length, 5, 3)
    if (socket.destroyed) done()
    else socket.write(Buffer.concat([head, data]), done)
  }

  async function reply(id: number): Promise<void> {
    const headers = await compress(Buffer.alloc(4))
    const frame = Buffer.alloc(12)
    frame.writeUInt32BE(0x8000_0000 + version * 0x1_0000 + synReply, 0)
    frame.writeUIntBE(4 + headers.length, 5, 3)
    frame.writeUInt32BE(id, 8)
    socket.write(Buffer.concat([frame, headers]))
  }

  function decompress(block: Buffer): Promise<Buffer> {
    inflated = []
    return new Promise((resolve, reject) => {
      inflate.write(block, error => {
        if (error) reject(error)
        else resolve(Buffer.concat(inflated))
      })
    })
  }

  function compress(block: Buffer): Promise<Buffer> {
    deflated = []
    return new Promise(resolve => {
      deflate.write(block)
      deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(Buffer.concat(deflated)))
    })
  }
}

function parseHeaders(block: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  let at = 4
  const text = () => {
    const length = block.readUInt32BE(at)
    at += 4 + length
    return block.toString('utf8', at - length, at)
  }
  for (let count = block.readUInt32BE(0); count > 0; count--) headers.set(text(), text())
  return headers
}
