import { once } from 'node:events'
import { type Agent, type IncomingMessage, request as plain, type RequestOptions } from 'node:http'
import { request as secure } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { rootCertificates } from 'node:tls'

/** Where requests go: always a port of this machine that leads to the platform. */
export interface Door {
  readonly port: number
  /** Undefined: without TLS, to a pod's own port. */
  readonly tls?: { readonly host: string; readonly certificate: string }
  /** Keeps connections; without one each request has its own. */
  readonly agent?: Agent
}

export interface Question {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly json?: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/** One request. The certificate has to be the platform's, for its name. */
export async function ask(door: Door, question: Question, signal: AbortSignal): Promise<Answer> {
  const body = question.json === undefined ? undefined : JSON.stringify(question.json)
  const options: RequestOptions = {
    host: '127.0.0.1',
    port: door.port,
    method: question.method ?? 'GET',
    path: question.path,
    headers: {
      ...(door.tls === undefined ? {} : { host: door.tls.host }),
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...question.headers,
    },
    agent: door.agent ?? false,
    signal,
  }
  const sent =
    door.tls === undefined
      ? plain(options)
      : secure({
          ...options,
          servername: door.tls.host,
          ca: [...rootCertificates, door.tls.certificate],
        })
  sent.end(body)
  const [answer] = (await once(sent, 'response', { signal })) as [IncomingMessage]
  const text = (await buffer(answer)).toString('utf8')
  return { status: answer.statusCode ?? 0, headers: answer.headers, text }
}
