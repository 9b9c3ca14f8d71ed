import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError, problemMediaType, sendProblem, toProblem } from './problem.ts'

/** Makes problems of all errors that come while a request is handled, and of addresses that do not exist. */
export function addProblemHandlers(app: FastifyInstance): void {
  app.setErrorHandler(answerWithProblem)
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new ProblemError({ status: 404, detail: `Nothing answers ${request.method} at this address.` }),
      request,
      reply,
    ),
  )
}

export function answerWithProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = toProblem(error)
  // A 503 that was thrown on purpose is no failure; the request's own line says enough.
  if (problem.status >= 500 && problem !== error) request.log.error({ err: error }, 'request failed')
  return sendProblem(problem, request, reply)
}

/**
 * Answers what is not HTTP, too large or too slow to become a request: 400, 408, 413 or 431 with a problem, then the
 * connection is closed. `count` is told the status.
 */
export function createClientErrorHandler(count: (status: number) => void) {
  return (error: ConnectionError, socket: Socket): void => {
    // Nobody is there any more to be answered.
    if (error.code === 'ECONNRESET' || socket.destroyed) return
    const problem = clientProblem(error.code)
    count(problem.status)
    // Bytes in the middle of a response that has begun would be taken for part of it.
    if (socket.writable && !isResponding(socket)) socket.end(rawResponse(problem))
    else socket.destroy()
  }
}

function clientProblem(code: string): ProblemError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError({ status: 408, detail: 'The request did not arrive in time.' })
    case 'HPE_HEADER_OVERFLOW':
      return new ProblemError({ status: 431, detail: 'The headers are too large.' })
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ProblemError({ status: 413, detail: 'The chunk extensions are too large.' })
    default:
      return new ProblemError({ status: 400, detail: 'This is not valid HTTP.' })
  }
}

const responding = new WeakMap<Socket, FastifyReply>()

/** Has to be told of every request, because Node does not say in public whether a connection's response has begun. */
export function rememberResponse(socket: Socket, reply: FastifyReply): void {
  responding.set(socket, reply)
}

function isResponding(socket: Socket): boolean {
  const response = responding.get(socket)?.raw
  return response?.headersSent === true && !response.writableEnded
}

function rawResponse(problem: ProblemError): string {
  const body = problem.body()
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${problemMediaType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n')
}
