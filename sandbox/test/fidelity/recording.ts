import { appendFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { SimulatedCloud } from '../../src/simulated-cloud.ts'
import type { Exchange } from './models/exchange.ts'

/** The same cloud, which writes every request and its answer to a file, one JSON object a line. */
export function recorded(cloud: SimulatedCloud, file: string): SimulatedCloud {
  return {
    ...cloud,
    handle(request, response, world) {
      record(request, response, exchange =>
        appendFileSync(file, `${JSON.stringify({ cloud: cloud.name, ...exchange })}\n`, { mode: 0o600 }),
      )
      return cloud.handle(request, response, world)
    },
  }
}

/** Listens in without taking part: what goes through is kept as well, nothing is held back. */
function record(
  request: IncomingMessage,
  response: ServerResponse,
  done: (exchange: Omit<Exchange, 'cloud'>) => void,
): void {
  const asked: Buffer[] = []
  const answered: Buffer[] = []
  let responseHeaders: Record<string, string> = {}
  const push = request.push.bind(request)
  request.push = (chunk, encoding) => {
    if (chunk !== null) asked.push(Buffer.from(chunk))
    return push(chunk, encoding)
  }
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) answered.push(Buffer.from(chunk))
  }
  const { writeHead, write, end } = response
  Object.assign(response, {
    writeHead(...args: readonly unknown[]) {
      responseHeaders = { ...responseHeaders, ...headerTexts(args.at(-1)) }
      return Reflect.apply(writeHead, response, args)
    },
    write(...args: readonly unknown[]) {
      keep(args[0])
      return Reflect.apply(write, response, args)
    },
    end(...args: readonly unknown[]) {
      keep(args[0])
      return Reflect.apply(end, response, args)
    },
  })
  response.once('finish', () =>
    done({
      method: request.method ?? 'GET',
      url: request.url ?? '/',
      headers: headerTexts(request.headers),
      requestBody: Buffer.concat(asked).toString('utf8'),
      status: response.statusCode,
      responseHeaders: { ...headerTexts(response.getHeaders()), ...responseHeaders },
      responseBody: Buffer.concat(answered).toString('utf8'),
    }),
  )
}

function headerTexts(headers: unknown): Record<string, string> {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return {}
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
  )
}
