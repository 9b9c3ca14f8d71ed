import type { IncomingMessage } from 'node:http'
import { ClientGoneError } from './upstream/attempt.ts'

/**
 * A whole body, whose length the server has checked.
 * @throws ClientGoneError when the client goes away before it is there
 */
export function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    )
    request.once('error', error => reject(new ClientGoneError('the client went away', { cause: error })))
  })
}
