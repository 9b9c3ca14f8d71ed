/**
 * Runs inside a cluster's network namespace: `node services-process.ts SOCKET DNS_ADDRESS`. Forwards each Service's
 * address to its pods and answers the cluster's DNS, both from the table that the daemon puts; and tunnels (CONNECT)
 * from the unix socket, which crosses namespaces, to addresses inside. Goes on with the last table without a daemon.
 */

import { chmod, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import * as z from 'zod'
import { answerDns, startDns } from './dns.ts'
import { type ServiceTable, serviceTableSchema } from './service-table.ts'

const dialTimeoutMs = 10_000
const [socketPath, dnsAddress] = z.tuple([z.string(), z.ipv4()]).parse(process.argv.slice(2))

let table: ServiceTable = { services: [], names: {} }
const forwarders = new Map<string, Server>()
const turns = new Map<string, number>()

function forward(next: ServiceTable): void {
  table = next
  const wanted = new Map(next.services.map(service => [`${service.address}:${service.port}`, service]))
  for (const [key, server] of forwarders) {
    if (wanted.has(key)) continue
    server.close()
    forwarders.delete(key)
  }
  for (const [key, { address, port }] of wanted) {
    if (forwarders.has(key)) continue
    const server = createServer({ allowHalfOpen: true }, client => {
      const targets = table.services.find(one => one.address === address && one.port === port)?.targets ?? []
      const turn = turns.get(key) ?? 0
      turns.set(key, turn + 1)
      const target = targets[turn % targets.length]
      client.on('error', () => client.destroy())
      if (target === undefined) return client.resetAndDestroy()
      const upstream = connect({ host: target.address, port: target.port, allowHalfOpen: true })
      upstream.on('error', () => client.resetAndDestroy())
      client.on('close', () => upstream.destroy())
      client.pipe(upstream).pipe(client)
      return undefined
    })
    server.on('error', error => process.stderr.write(`service ${key}: ${error.message}\n`))
    server.listen(port, address)
    forwarders.set(key, server)
  }
}

await rm(socketPath, { force: true })
const control = createHttpServer((request, response) => {
  if (request.method !== 'PUT') return response.writeHead(200).end()
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    text += chunk
  })
  request.on('end', () => {
    forward(serviceTableSchema.parse(JSON.parse(text)))
    response.writeHead(200).end()
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
startDns(dnsAddress, question => answerDns(question, table.names))
