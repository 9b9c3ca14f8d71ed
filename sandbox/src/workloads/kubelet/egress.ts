import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { issueCertificate, type KeyPair } from '../../kubernetes/pki.ts'
import type { NodeAgent } from '../node-agent.ts'
import { createKubeletServer } from './kubelet-server.ts'

export const kubeletPort = 10250

export interface Egress {
  close(): void
}

/**
 * The proxy through which a cluster's kube-apiserver reaches its nodes and pods (its egress selector's `cluster`): a
 * node's kubelet port is answered here, everything else is dialled on the cluster's network.
 */
export async function openEgress(socketPath: string, agent: NodeAgent, authority: KeyPair): Promise<Egress> {
  const kubelets = new Map<string, Promise<TlsServer>>()
  const kubeletOf = (address: string): Promise<TlsServer> => {
    const known = kubelets.get(address)
    if (known !== undefined) return known
    const made = issueCertificate(authority, {
      commonName: `system:node:${address}`,
      organizations: ['system:nodes'],
      usage: ['server'],
      ipAddresses: [address],
    }).then(pair => createKubeletServer(agent, { ...pair, clientAuthorityPem: authority.certificatePem }))
    kubelets.set(address, made)
    return made
  }
  const server: Server = createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', (request, client, head) => {
    client.on('error', () => client.destroy())
    if (head.length > 0) client.unshift(head)
    const [address = '', port = ''] = (request.url ?? '').split(':')
    connect(address, Number(port), client).catch((error: unknown) => {
      const why = (error instanceof Error ? error.message : String(error)).replaceAll(/[^ -~]/g, ' ')
      client.end(`HTTP/1.1 502 ${why}\r\n\r\n`)
    })
  })

  async function connect(address: string, port: number, client: Duplex): Promise<void> {
    if (port === kubeletPort && (await agent.hasNode(address))) {
      const kubelet = await kubeletOf(address)
      established(client)
      kubelet.emit('connection', client)
      return
    }
    const upstream = await agent.dial(address, port)
    established(client)
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    upstream.pipe(client).pipe(upstream)
  }

  await rm(socketPath, { force: true })
  server.listen(socketPath)
  await once(server, 'listening')
  return {
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

function established(client: Duplex): void {
  client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
}
