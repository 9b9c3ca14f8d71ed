import { connect } from 'node:http2'
import type { Socket } from 'node:net'

const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/**
 * Asks a server's health by gRPC's own protocol for it: undefined when it serves, otherwise what it says.
 * https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export async function grpcHealth(
  socket: Socket,
  authority: string,
  service: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const session = connect(`http://${authority}`, { createConnection: () => socket })
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      session.on('error', reject)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        'user-agent': 'kube-probe/1.35',
        te: 'trailers',
      })
      const chunks: Buffer[] = []
      let code: string | undefined
      const readCode = (headers: { readonly [name: string]: unknown }) => {
        if (headers['grpc-status'] !== undefined) code = String(headers['grpc-status'])
      }
      stream.on('response', readCode)
      stream.on('trailers', readCode)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', reject)
      stream.on('end', () => {
        if (code !== '0') resolve(`rpc error: code = ${code ?? 'unknown'}`)
        else {
          const status = statusOf(Buffer.concat(chunks))
          resolve(status === 1 ? undefined : `service unhealthy (responded with "${statuses[status]}")`)
        }
      })
      stream.end(frame(service))
    })
  } finally {
    session.destroy()
  }
}

/** HealthCheckRequest with its one field, in a message frame. */
function frame(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** HealthCheckResponse has one field, an enumeration. */
function statusOf(framed: Buffer): number {
  return framed[5] === 0x08 ? (framed[6] ?? 0) : 0
}
