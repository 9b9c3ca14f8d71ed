import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import * as z from 'zod'
import { type Faults, faultSchema } from '../faults.ts'
import { type GithubTokenRequest, githubTokenRequest } from '../github/tokens.ts'
import { quotasRequest } from '../quotas.ts'

export interface ControlActions {
  status(): Promise<object>
  target(): object
  commandLineEnvironment(): Readonly<Record<string, string | null>>
  /** Starts again what does not run. */
  start(): void
  setTimeScale(scale: number): void
  readonly faults: Faults
  setQuotas(quotas: Readonly<Record<string, number>>): void
  /** A token of the sandbox's GitHub, of anybody and with any rights. */
  issueGithubToken(asked: GithubTokenRequest): object
  /** Starts the workflows that have a schedule, as if their time had come; what was started. */
  runGithubSchedules(repository: string): Promise<object>
  /** Ends everything; the reply is sent first. */
  stop(): void
  /** Ends the daemon alone, for one of other code to take over; false while a terraform is at work. */
  handOver(): boolean
}

const timeScaleRequest = z.strictObject({ timeScale: z.number().min(0).max(10) })
const faultsRequest = z.strictObject({ faults: z.array(faultSchema) })
const schedulesRequest = z.strictObject({ repository: z.string().regex(/^[^/]+\/[^/]+$/) })
const largestBodyBytes = 1 << 20

/** JSON over HTTP on a unix socket that only this user may open. */
export async function startControl(socketPath: string, actions: ControlActions): Promise<Server> {
  await rm(socketPath, { force: true })
  const server = createServer((request, response) => {
    answer(request, actions).then(
      reply => send(response, 200, reply),
      (error: unknown) => {
        const known = error instanceof z.ZodError || error instanceof SyntaxError
        send(response, known ? 400 : 500, { error: error instanceof Error ? error.message : String(error) })
      },
    )
  })
  server.listen(socketPath)
  await once(server, 'listening')
  await chmod(socketPath, 0o600)
  return server
}

async function answer(request: IncomingMessage, actions: ControlActions): Promise<object> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /status':
      return actions.status()
    case 'GET /target':
      return actions.target()
    case 'GET /env':
      return actions.commandLineEnvironment()
    case 'PUT /time-scale':
      actions.setTimeScale(timeScaleRequest.parse(await body(request)).timeScale)
      return {}
    case 'GET /faults':
      return { faults: actions.faults.list() }
    case 'PUT /faults':
      actions.faults.replace(faultsRequest.parse(await body(request)).faults)
      return {}
    case 'PUT /quotas':
      actions.setQuotas(quotasRequest.parse(await body(request)).quotas)
      return {}
    case 'POST /github/tokens':
      return actions.issueGithubToken(githubTokenRequest.parse(await body(request)))
    case 'POST /github/schedules':
      return actions.runGithubSchedules(schedulesRequest.parse(await body(request)).repository)
    case 'POST /start':
      actions.start()
      return {}
    case 'POST /stop':
      actions.stop()
      return {}
    case 'POST /hand-over':
      return { handedOver: actions.handOver() }
    default:
      throw new SyntaxError(`there is no ${request.method} ${request.url}`)
  }
}

async function body(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    const bytes = z.instanceof(Buffer).parse(chunk)
    size += bytes.length
    if (size > largestBodyBytes) throw new SyntaxError('the request is too large')
    chunks.push(bytes)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

function send(response: ServerResponse, status: number, reply: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(reply))
}
