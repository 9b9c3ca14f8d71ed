import { createSocket, type Socket } from 'node:dgram'

/** As long as kube-proxy keeps a UDP flow that nothing is heard of. */
const idleMs = 30_000

export interface UdpForwarder {
  close(): void
}

/** Passes datagrams on to a pod of the Service, the same for one client as long as it speaks, and answers back. */
export function forwardUdp(
  address: string,
  port: number,
  target: () => { readonly address: string; readonly port: number } | undefined,
): UdpForwarder {
  const flows = new Map<string, { readonly socket: Socket; timer: NodeJS.Timeout }>()
  const server = createSocket('udp4')
  const end = (key: string) => {
    flows.get(key)?.socket.close()
    flows.delete(key)
  }
  server.on('message', (message, from) => {
    const key = `${from.address}:${from.port}`
    const known = flows.get(key)
    if (known !== undefined) {
      known.timer.refresh()
      known.socket.send(message)
      return
    }
    const to = target()
    if (to === undefined) return
    const socket = createSocket('udp4')
    flows.set(key, { socket, timer: setTimeout(() => end(key), idleMs) })
    socket.on('message', answer => {
      flows.get(key)?.timer.refresh()
      server.send(answer, from.port, from.address)
    })
    socket.on('error', () => end(key))
    socket.connect(to.port, to.address, () => socket.send(message))
  })
  server.on('error', error => process.stderr.write(`udp ${address}:${port}: ${error.message}\n`))
  server.bind(port, address)
  return {
    close() {
      server.close()
      for (const [key, { timer }] of flows) {
        clearTimeout(timer)
        end(key)
      }
    },
  }
}
