import type { IncomingMessage } from 'node:http'
import { ClientGoneError } from './upstream/attempt.ts'

/**
 * A whole body of known length, which the server's parser has made sure of.
 * @throws ClientGoneError when the client goes away before it is there
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of request) chunks.push(chunk)
  } catch (error) {
    throw new ClientGoneError('the client went away', { cause: error })
  }
  return Buffer.concat(chunks)
}
