import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { FaultKind, Faults } from '../faults.ts'
import type { KeyPair } from '../kubernetes/pki.ts'
import { tokenReviewPath } from '../kubernetes/token-review.ts'
import type { SimulatedCloud } from '../simulated-cloud.ts'
import type { World } from '../world.ts'

export interface CloudListenerOptions {
  readonly cloud: SimulatedCloud
  readonly port: number
  readonly certificate: KeyPair
  readonly world: World
  readonly faults: Faults
  reviewToken(request: IncomingMessage, response: ServerResponse): Promise<void>
}

/** One cloud's whole API over TLS on 127.0.0.1, with its faults around it. */
export async function startCloudListener(options: CloudListenerOptions): Promise<Server> {
  const { cloud, world } = options
  const server = createServer({
    cert: options.certificate.certificatePem,
    key: options.certificate.keyPem,
    minVersion: 'TLSv1.2',
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answer(request, response, options).catch((error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      world.log(`${cloud.name}: ${request.method} ${path(request)} failed: ${text}`)
      if (!response.headersSent) sendFault(cloud, 'serverError', request, response)
      else response.destroy()
    })
  })
  server.listen(options.port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: CloudListenerOptions,
): Promise<void> {
  if (request.url?.startsWith(tokenReviewPath)) return options.reviewToken(request, response)
  return answerCloud(request, response, options)
}

/** The cloud's answer, or what a fault makes of it. */
export async function answerCloud(
  request: IncomingMessage,
  response: ServerResponse,
  { cloud, world, faults }: Pick<CloudListenerOptions, 'cloud' | 'world' | 'faults'>,
): Promise<void> {
  const fault = faults.takeForRequest(`${cloud.name}:${path(request)}`)
  if (fault === undefined) return cloud.handle(request, response, world)
  if (fault !== 'lostResponse') return sendFault(cloud, fault, request, response)
  loseResponse(response)
  return cloud.handle(request, response, world)
}

/** The request is carried out, its answer never arrives. */
function loseResponse(response: ServerResponse): void {
  const drop = () => {
    response.socket?.destroy()
    return response
  }
  Object.assign(response, { writeHead: drop, write: () => drop().destroyed, end: drop })
}

const faultAnswers: Readonly<
  Record<
    Exclude<FaultKind, 'lostResponse'>,
    { status: number; aws: string; gcp: string; azure: string; message: string }
  >
> = {
  throttle: {
    status: 429,
    aws: 'ThrottlingException',
    gcp: 'RESOURCE_EXHAUSTED',
    azure: 'TooManyRequests',
    message: 'Rate exceeded',
  },
  serverError: {
    status: 500,
    aws: 'InternalFailure',
    gcp: 'INTERNAL',
    azure: 'InternalServerError',
    message: 'The service had an internal error, please try again.',
  },
  capacity: {
    status: 503,
    aws: 'InsufficientCapacityException',
    gcp: 'UNAVAILABLE',
    azure: 'OverconstrainedAllocationRequest',
    message: 'There is not enough capacity in this region now.',
  },
  expiredCredentials: {
    status: 403,
    aws: 'ExpiredTokenException',
    gcp: 'UNAUTHENTICATED',
    azure: 'ExpiredAuthenticationToken',
    message: 'The credentials have expired.',
  },
}

/** In the cloud's own error format; see the error references of each cloud's API. */
function sendFault(
  cloud: SimulatedCloud,
  kind: Exclude<FaultKind, 'lostResponse'>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const fault = faultAnswers[kind]
  // Google and Azure answer 401, AWS 403, to credentials that are no longer valid.
  const status = kind === 'expiredCredentials' && cloud.name !== 'aws' ? 401 : fault.status
  const { message } = fault
  if (cloud.name === 'aws' && (request.headers['content-type'] ?? '').includes('x-www-form-urlencoded')) {
    const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${fault.aws}</Code><Message>${message}</Message></Error></ErrorResponse>`
    response.writeHead(status, { 'content-type': 'text/xml' }).end(body)
    return
  }
  const bodies = {
    aws: { __type: fault.aws, message },
    gcp: { error: { code: status, status: fault.gcp, message } },
    azure: { error: { code: fault.azure, message } },
  }
  const headers = {
    'content-type': 'application/json',
    ...(cloud.name === 'aws' ? { 'x-amzn-errortype': fault.aws } : {}),
  }
  response.writeHead(status, headers).end(JSON.stringify(bodies[cloud.name]))
}

function path(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/'
}
