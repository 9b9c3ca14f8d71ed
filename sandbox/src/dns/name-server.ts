import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import dnsPacket from 'dns-packet'
import type { Lookup } from './answers.ts'

const authoritative = 1 << 10
const refused = 5
const noSuchName = 3
const largestQuery = 4_096

export interface NameServer {
  close(): void
}

/**
 * An authoritative name server on loopback, over UDP and TCP, for whatever zones the three simulated DNS services have.
 * It asks nobody else: a name outside of them is refused.
 */
export async function startNameServer(
  port: number,
  lookup: (name: string, type: string) => Lookup,
): Promise<NameServer> {
  const udp = createSocket('udp4')
  udp.on('message', (message, peer) => {
    const answer = respond(message, lookup)
    if (answer !== undefined) udp.send(dnsPacket.encode(answer), peer.port, peer.address)
  })
  udp.on('error', () => {})
  const tcp = createServer(socket => {
    let pending = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', chunk => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0)
        const answer = respond(pending.subarray(2, end), lookup)
        pending = pending.subarray(end)
        if (answer === undefined) return void socket.destroy()
        socket.write(dnsPacket.streamEncode(answer))
      }
      if (pending.length > largestQuery) socket.destroy()
    })
  })
  udp.bind(port, '127.0.0.1')
  tcp.listen(port, '127.0.0.1')
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')])
  return {
    close() {
      udp.close()
      tcp.close()
    },
  }
}

function respond(
  message: Buffer,
  lookup: (name: string, type: string) => Lookup,
): dnsPacket.Packet | undefined {
  let query: dnsPacket.Packet
  try {
    query = dnsPacket.decode(message)
  } catch {
    return undefined
  }
  const [question] = query.questions ?? []
  if (query.type !== 'query' || question === undefined) return undefined
  const { outcome, answers } = lookup(question.name, question.type)
  const code = outcome === 'no-zone' ? refused : outcome === 'no-name' ? noSuchName : 0
  return {
    type: 'response',
    id: query.id ?? 0,
    flags: ((query.flags ?? 0) & dnsPacket.RECURSION_DESIRED) | (code === refused ? 0 : authoritative) | code,
    questions: [question],
    answers: answers.flatMap(answer => encoded(answer)),
  }
}

function encoded({ name, type, ttl, value }: Lookup['answers'][number]): dnsPacket.Answer[] {
  const common = { name, ttl, class: 'IN' as const }
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
      return [{ ...common, type, data: value }]
    case 'TXT':
      return [{ ...common, type, data: value }]
    case 'NS':
      return [{ ...common, type, data: value }]
    default:
      return []
  }
}
