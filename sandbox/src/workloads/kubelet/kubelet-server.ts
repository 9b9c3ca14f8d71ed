import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Duplex } from 'node:stream'
import type { NodeAgent } from '../node-agent.ts'
import type { PodWorker } from '../pod-worker.ts'
import { execRequest, runInContainer, runInTerminal } from './exec.ts'
import { readLog } from './logs.ts'
import { type SpdyStream, serveSpdy } from './spdy.ts'
import { acceptPortForward } from './websocket.ts'

/** One node's own certificate, and the authority whose clients may ask. */
export interface KubeletIdentity {
  readonly certificatePem: string
  readonly keyPem: string
  readonly clientAuthorityPem: string
}

/**
 * The kubelet's own API, as far as kube-apiserver asks it for `kubectl logs`, `exec` and `port-forward`. Without a
 * port: connections come through the cluster's egress proxy. Only kube-apiserver's client certificate is let in.
 */
export function createKubeletServer(agent: NodeAgent, identity: KubeletIdentity): Server {
  const server = createServer({
    cert: identity.certificatePem,
    key: identity.keyPem,
    ca: identity.clientAuthorityPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    answerLogs(request, response, agent).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end(error instanceof Error ? error.message : String(error))
    })
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => upgrade(request, socket, agent))
  return server
}

async function answerLogs(
  request: IncomingMessage,
  response: ServerResponse,
  agent: NodeAgent,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://node')
  const [, kind, namespace = '', name = '', container = ''] = url.pathname.split('/')
  if (kind !== 'containerLogs')
    return void response.writeHead(404).end(`the sandbox has no ${url.pathname}\n`)
  const loop = agent.worker(namespace, name)?.loop(container)
  if (loop === undefined) return void response.writeHead(404).end(simulated(namespace, name, container))
  const number = (key: string) => (url.searchParams.has(key) ? Number(url.searchParams.get(key)) : undefined)
  const previous = url.searchParams.get('previous') === 'true'
  const file = loop.logFile(previous)
  if (file === undefined)
    return void response
      .writeHead(400)
      .end(`previous terminated container "${container}" in pod "${name}" not found`)
  const closed = new AbortController()
  response.on('close', () => closed.abort())
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.flushHeaders()
  const asked = {
    follow: url.searchParams.get('follow') === 'true',
    tailLines: number('tailLines'),
    limitBytes: number('limitBytes'),
    timestamps: url.searchParams.get('timestamps') === 'true',
    since: sinceOf(url.searchParams),
  }
  for await (const block of readLog(file, asked, () => !previous && loop.isRunning(), closed.signal))
    response.write(block)
  response.end()
}

function sinceOf(query: URLSearchParams): number | undefined {
  const [seconds, time] = [query.get('sinceSeconds'), query.get('sinceTime')]
  if (seconds !== null) return Date.now() - Number(seconds) * 1000
  return time === null ? undefined : Date.parse(time)
}

function simulated(namespace: string, name: string, container: string): string {
  return `container "${container}" of pod ${namespace}/${name} is simulated: nothing runs in it\n`
}

/** Over SPDY, version 5 is as version 4. */
const protocols: Readonly<Record<string, readonly string[]>> = {
  portForward: ['portforward.k8s.io'],
  exec: ['v5.channel.k8s.io', 'v4.channel.k8s.io'],
}

function upgrade(request: IncomingMessage, socket: Duplex, agent: NodeAgent): void {
  const url = new URL(request.url ?? '/', 'https://node')
  const [, kind, namespace = '', name = '', container = ''] = url.pathname.split('/')
  const offered = String(request.headers['x-stream-protocol-version'] ?? '').split(/,\s*/)
  const worker = agent.worker(namespace, name)
  const refuse = (status: string, text: string) =>
    socket.end(`HTTP/1.1 ${status}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  if (worker === undefined) return void refuse('404 Not Found', simulated(namespace, name, container))
  if (kind === 'portForward' && request.headers.upgrade?.toLowerCase() === 'websocket') {
    acceptPortForward(request, socket, port => worker.dial(port))
    return
  }
  if ((request.headers.upgrade ?? '').toUpperCase() !== 'SPDY/3.1')
    return void refuse('400 Bad Request', 'the sandbox streams by SPDY/3.1 only\n')
  const protocol = protocols[kind ?? '']?.find(one => offered.includes(one))
  if (protocol === undefined)
    return void refuse('403 Forbidden', `the sandbox has no ${kind} by ${offered}\n`)
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  )
  if (kind === 'portForward') serveSpdy(socket, portForward(worker))
  else serveSpdy(socket, execute(worker, container, url.searchParams, socket))
}

/** Streams come in pairs of one request: for data, and for what went wrong. */
function portForward(worker: PodWorker): (stream: SpdyStream) => void {
  const errors = new Map<string, Duplex>()
  return ({ headers, duplex }) => {
    const request = headers.get('requestid') ?? ''
    if (headers.get('streamtype') === 'error') {
      duplex.resume()
      errors.set(request, duplex)
      return
    }
    const port = Number(headers.get('port'))
    const failed = (message: string) => {
      errors.get(request)?.end(`error forwarding port ${port} to pod ${worker.pod.metadata.name}: ${message}`)
      duplex.end()
    }
    worker.dial(port).then(
      upstream => {
        upstream.on('error', error => failed(error.message))
        upstream.on('close', () => {
          errors.get(request)?.end()
          errors.delete(request)
        })
        duplex.on('close', () => upstream.destroy())
        duplex.pipe(upstream).pipe(duplex)
      },
      (error: unknown) => failed(error instanceof Error ? error.message : String(error)),
    )
  }
}

/** The command starts once the client has opened every stream that it asked for. */
function execute(
  worker: PodWorker,
  container: string,
  query: URLSearchParams,
  socket: Duplex,
): (stream: SpdyStream) => void {
  const asked = execRequest(query)
  const streams = new Map<string, Duplex>()
  const left = new AbortController()
  let begun = false
  socket.on('close', () => left.abort())
  return ({ headers, duplex }) => {
    streams.set(headers.get('streamtype') ?? '', duplex)
    const error = streams.get('error')
    if (error === undefined || begun || !asked.streams.every(name => streams.has(name))) return
    begun = true
    const [stdin, stdout] = [streams.get('stdin'), streams.get('stdout')]
    const given = { error, stdin, stdout, stderr: streams.get('stderr'), resize: streams.get('resize') }
    const run = asked.terminal ? runInTerminal : runInContainer
    run(worker, container, asked.command, given, left.signal).catch(() => socket.destroy())
  }
}
