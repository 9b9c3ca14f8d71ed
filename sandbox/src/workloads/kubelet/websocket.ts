import type { IncomingMessage } from 'node:http'
import { type Duplex, Writable } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

const protocol = 'v4.channel.k8s.io'

/**
 * Port-forward as client libraries ask for it: one WebSocket, two channels a port (data, error), each of which begins
 * with the port's number. kube-apiserver passes it through; all else it turns into SPDY.
 */
export function acceptPortForward(
  request: IncomingMessage,
  socket: Duplex,
  dial: (port: number) => Promise<Duplex>,
): void {
  const ports = new URL(request.url ?? '/', 'https://node').searchParams.getAll('port').map(Number)
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: offered => (offered.has(protocol) ? protocol : false),
  })
  server.handleUpgrade(request, socket, Buffer.alloc(0), client => {
    client.on('error', () => client.terminate())
    const connections = ports.map((port, index) => forward(client, port, index * 2, dial))
    client.on('message', (data: Buffer) => {
      const channel = data[0] ?? 0
      // Error channels are written to by this side only.
      if (channel % 2 === 0)
        void connections[channel / 2]?.then(upstream => upstream?.write(data.subarray(1)))
    })
    client.on('close', () => {
      for (const connection of connections) void connection.then(upstream => upstream?.destroy())
    })
  })
}

function channelWriter(client: WebSocket, channel: number): Writable {
  const writer = new Writable({
    write(chunk: Buffer, _encoding, done) {
      client.send(Buffer.concat([Buffer.from([channel]), chunk]), done)
    },
  })
  // The client left: what it does not read any more is lost.
  writer.on('error', () => client.terminate())
  return writer
}

async function forward(
  client: WebSocket,
  port: number,
  channel: number,
  dial: (port: number) => Promise<Duplex>,
): Promise<Duplex | undefined> {
  const [data, errors] = [channelWriter(client, channel), channelWriter(client, channel + 1)]
  const number = Buffer.alloc(2)
  number.writeUInt16LE(port)
  data.write(number)
  errors.write(number)
  const fail = (problem: unknown) => {
    errors.end(problem instanceof Error ? problem.message : String(problem), () => client.close(1000))
  }
  try {
    const upstream = await dial(port)
    upstream.on('error', fail)
    upstream.pipe(data)
    data.on('finish', () => client.close(1000))
    return upstream
  } catch (problem) {
    fail(problem)
    return undefined
  }
}
