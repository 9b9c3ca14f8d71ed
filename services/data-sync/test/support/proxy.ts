import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/** What a proxy does to a request instead of passing it on. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Passes so many bytes of the answer on, then cuts the connection. */
  | { readonly cutAfterBytes: number }
  /** The store gets and answers it, and the client never hears. */
  | 'lose-answer'

export interface ProxiedRequest {
  readonly method: string
  readonly path: string
  /** How many came before it. */
  readonly index: number
}

export interface StoreProxy extends AsyncDisposable {
  readonly url: string
  /** Bytes of requests' bodies that went to the store. */
  readonly sentBytes: number
  readonly requests: number
  /** Is asked for every request. */
  fault: (request: ProxiedRequest) => Fault | undefined
  /** Is told of the bytes so far, as they pass. */
  onSent: (bytes: number) => void
}

/** A loopback proxy before a store: counts what passes, and injects faults. */
export async function startProxy(target: string): Promise<StoreProxy> {
  const { hostname, port } = new URL(target)
  let requests = 0
  const proxy = {
    url: '',
    sentBytes: 0,
    fault: (_request: ProxiedRequest): Fault | undefined => undefined,
    onSent: (_bytes: number): void => {},
    get requests() {
      return requests
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }

  const pass = (incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault | undefined): void => {
    // The host too, which a signature covers.
    const onward = request({
      ...{ hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers },
    })
    const fail = (): void => void outgoing.destroy()
    onward.on('error', fail).on('response', answer => {
      if (fault === 'lose-answer') {
        answer.resume().on('end', () => incoming.socket.destroy())
        return
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      if (typeof fault !== 'object' || !('cutAfterBytes' in fault)) {
        answer.on('error', fail).pipe(outgoing)
        return
      }
      let left = fault.cutAfterBytes
      answer.on('data', (chunk: Buffer) => {
        outgoing.write(chunk.subarray(0, left))
        left -= chunk.length
        if (left <= 0) incoming.socket.destroy()
      })
      answer.on('end', () => incoming.socket.destroy())
    })
    incoming.on('data', (chunk: Buffer) => {
      proxy.sentBytes += chunk.length
      proxy.onSent(proxy.sentBytes)
    })
    incoming
      .on('error', () => onward.destroy())
      .on('close', () => {
        if (!incoming.complete) onward.destroy()
      })
    incoming.pipe(onward)
  }

  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    const fault = proxy.fault({ method, path: url, index: requests })
    requests++
    if (typeof fault !== 'object' || !('status' in fault)) {
      pass(incoming, outgoing, fault)
      return
    }
    incoming.resume()
    outgoing.writeHead(fault.status, { ...fault.headers, 'content-length': '0' }).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  proxy.url = `http://127.0.0.1:${address.port}`
  return proxy
}
