import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface Forwarding {
  readonly address: string
  readonly port: number
  /** Where this client goes; undefined: its connection is refused. */
  target(client: Socket): { readonly socket: Socket; readonly preface: string } | undefined
}

/** Listens on an address of the network and passes each connection on to where it is to go. */
export function forwardTcp({ address, port, target }: Forwarding): Server {
  const server = createServer({ allowHalfOpen: true }, client => {
    client.on('error', () => client.destroy())
    const chosen = target(client)
    if (chosen === undefined) return client.resetAndDestroy()
    const { socket: upstream, preface } = chosen
    upstream.on('error', () => client.resetAndDestroy())
    client.on('close', () => upstream.destroy())
    if (preface !== '') upstream.write(preface)
    client.pipe(upstream).pipe(client)
    return undefined
  })
  server.on('error', error => process.stderr.write(`${address}:${port}: ${error.message}\n`))
  server.listen(port, address)
  return server
}

export function toPod(target: { readonly address: string; readonly port: number }) {
  return { socket: connect({ host: target.address, port: target.port, allowHalfOpen: true }), preface: '' }
}

/** Through a unix socket, which crosses namespaces; where it is asked for, with the client's address before all else. */
export function toOutside(path: string, tellsSource: boolean, client: Socket) {
  const own = client.address() as AddressInfo
  const preface = tellsSource
    ? `PROXY TCP4 ${client.remoteAddress} ${own.address} ${client.remotePort} ${own.port}\r\n`
    : ''
  return { socket: connect({ path, allowHalfOpen: true }), preface }
}
