/**
 * Runs inside a cluster's network namespace: `node services-process.ts SOCKET DNS_ADDRESS VERSION`. Forwards each Service's
 * address to its pods, and addresses outside of the cluster to unix sockets, which cross namespaces; answers the
 * cluster's DNS; all from the table that the daemon puts. And tunnels (CONNECT) from its own unix socket to addresses
 * inside. Goes on with the last table without a daemon.
 */

import { execFile } from 'node:child_process'
import { chmod, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import * as z from 'zod'
import { answerDns, startDns } from './dns.ts'
import { forwardTcp, toOutside, toPod } from './forward-tcp.ts'
import { forwardUdp } from './forward-udp.ts'
import { type ServiceTable, serviceTableSchema } from './service-table.ts'

const run = promisify(execFile)
const dialTimeoutMs = 10_000
const [socketPath, dnsAddress] = z.tuple([z.string(), z.ipv4()]).parse(process.argv.slice(2, 4))

let table: ServiceTable = {
  services: [],
  names: {},
  outside: { endpoints: [], names: {}, suffixes: [] },
}
const forwarders = new Map<string, { close(): void }>()
const turns = new Map<string, number>()
/** Addresses outside of the cluster that are this namespace's own by now. */
const taken = new Set<string>()

async function put(next: ServiceTable): Promise<void> {
  for (const { address } of next.outside.endpoints) {
    if (taken.has(address)) continue
    taken.add(address)
    await run('ip', ['address', 'replace', `${address}/32`, 'dev', 'lo'])
  }
  table = next
  const wanted = new Map<string, () => { close(): void }>()
  for (const { address, port, protocol } of next.services) {
    const key = `${protocol} ${address}:${port}`
    const target = () => nextTarget(key, address, port, protocol)
    wanted.set(key, () =>
      protocol === 'UDP'
        ? forwardUdp(address, port, target)
        : forwardTcp({
            address,
            port,
            target() {
              const chosen = target()
              return chosen && toPod(chosen)
            },
          }),
    )
  }
  for (const { address, port, socket, tellsSource } of next.outside.endpoints)
    wanted.set(`TCP ${address}:${port} ${socket}`, () =>
      forwardTcp({ address, port, target: client => toOutside(socket, tellsSource, client) }),
    )
  for (const [key, forwarder] of forwarders) {
    if (wanted.has(key)) continue
    forwarder.close()
    forwarders.delete(key)
  }
  for (const [key, start] of wanted) if (!forwarders.has(key)) forwarders.set(key, start())
}

/** The pods of a Service take turns. */
function nextTarget(key: string, address: string, port: number, protocol: string) {
  const service = table.services.find(
    one => one.address === address && one.port === port && one.protocol === protocol,
  )
  const targets = service?.targets ?? []
  const turn = turns.get(key) ?? 0
  turns.set(key, turn + 1)
  return targets[turn % targets.length]
}

let putting: Promise<void> = Promise.resolve()
await rm(socketPath, { force: true })
const control = createHttpServer((request, response) => {
  if (request.method !== 'PUT') return response.writeHead(200).end()
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    text += chunk
  })
  request.on('end', () => {
    putting = putting.then(async () => {
      try {
        await put(serviceTableSchema.parse(JSON.parse(text)))
        response.writeHead(200).end()
      } catch (error) {
        process.stderr.write(`table: ${String(error)}\n`)
        response.writeHead(500).end()
      }
    })
  })
  return undefined
})
control.on('connect', (request, client, head) => {
  client.on('error', () => client.destroy())
  const [host = '', port = ''] = (request.url ?? '').split(':')
  const upstream = connect({ host, port: Number(port), timeout: dialTimeoutMs })
  upstream.on('timeout', () => upstream.destroy(new Error('i/o timeout')))
  upstream.on('error', error =>
    client.end(`HTTP/1.1 502 ${error.message.replaceAll(/[^ -~]/g, ' ')}\r\n\r\n`),
  )
  upstream.on('connect', () => {
    upstream.setTimeout(0)
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    upstream.write(head)
    upstream.pipe(client).pipe(upstream)
  })
  client.on('close', () => upstream.destroy())
})
control.listen(socketPath, () => void chmod(socketPath, 0o600))
startDns(dnsAddress, question => answerDns(question, table))
