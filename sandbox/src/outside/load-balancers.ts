import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { listenOnSocket } from '../http/listen-on-socket.ts'
import type { OutsideTable } from '../workloads/network/service-table.ts'

/** A Service of type LoadBalancer, as its cluster has it. */
export interface BalancedService {
  /** Unique in the sandbox. */
  readonly uid: string
  /** `<cloud>/<cluster>` */
  readonly cluster: string
  readonly clusterIp: string
  readonly ports: readonly number[]
  /** A connection on the cluster's own network. */
  dial(address: string, port: number): Promise<Socket>
}

/** Where a load balancer is reached: AWS gives a name, the others an address. */
interface BalancerPlace {
  readonly address: string
  readonly hostname: string | undefined
}

/** What the clouds put in front of Services: reached from all clusters' networks, and by the sandbox's proxy. */
export interface LoadBalancers {
  /** Makes or changes one. */
  put(service: BalancedService, region: string): Promise<BalancerPlace>
  remove(uid: string): void
  /** What a client outside of the clusters means by a name or an address, and a port. */
  find(host: string, port: number): (() => Promise<Socket>) | undefined
  /** The address behind a load balancer's name. */
  addressOf(name: string): string | undefined
  table(): OutsideTable
  close(): void
}

interface Balancer {
  readonly place: BalancerPlace
  service: BalancedService
  readonly doors: Map<number, { readonly socket: string; readonly server: Server }>
}

/** The second half of RFC 2544's addresses of nobody. */
const network = '198.19'

export function openLoadBalancers(socketFolder: string, onChange: () => void): LoadBalancers {
  const balancers = new Map<string, Balancer>()

  async function openDoor(balancer: Balancer, port: number): Promise<void> {
    const socket = join(socketFolder, `lb-${shortHash(balancer.service.uid)}-${port}`)
    const server = createServer({ allowHalfOpen: true }, client => {
      client.on('error', () => client.destroy())
      client.pause()
      const { clusterIp, dial } = balancer.service
      dial(clusterIp, port).then(
        upstream => {
          upstream.on('error', () => client.destroy())
          client.on('close', () => upstream.destroy())
          client.pipe(upstream).pipe(client)
        },
        () => client.destroy(),
      )
    })
    balancer.doors.set(port, { socket, server })
    await listenOnSocket(server, socket)
  }

  function closeDoor(balancer: Balancer, port: number): void {
    const door = balancer.doors.get(port)
    balancer.doors.delete(port)
    door?.server.close()
    if (door !== undefined) rmSync(door.socket, { force: true })
  }

  function freeAddress(uid: string): string {
    const taken = new Set([...balancers.values()].map(({ place }) => place.address))
    const start = createHash('sha256').update(uid).digest().readUInt16BE(0)
    for (let offset = 0; offset < 65_536; offset++) {
      const number = (start + offset) % 65_536
      const address = `${network}.${number >> 8}.${number & 0xff}`
      if ((number & 0xff) !== 0 && !taken.has(address)) return address
    }
    throw new Error('no address is free for a load balancer')
  }

  return {
    async put(service, region) {
      const { uid, cluster } = service
      const known = balancers.get(uid)
      const isAws = cluster.startsWith('aws/')
      const balancer: Balancer = known ?? {
        place: {
          address: freeAddress(uid),
          hostname: isAws
            ? `a${uid.replaceAll('-', '').slice(0, 31)}-${shortHash(uid)}.elb.${region}.amazonaws.com`
            : undefined,
        },
        service,
        doors: new Map(),
      }
      balancer.service = service
      balancers.set(uid, balancer)
      for (const port of [...balancer.doors.keys()])
        if (!service.ports.includes(port)) closeDoor(balancer, port)
      for (const port of service.ports) if (!balancer.doors.has(port)) await openDoor(balancer, port)
      onChange()
      return balancer.place
    },
    remove(uid) {
      const balancer = balancers.get(uid)
      if (balancer === undefined) return
      for (const port of [...balancer.doors.keys()]) closeDoor(balancer, port)
      balancers.delete(uid)
      onChange()
    },
    find(host, port) {
      const found = [...balancers.values()].find(
        ({ place }) => place.address === host || place.hostname === host.toLowerCase(),
      )
      if (found?.doors.has(port) !== true) return undefined
      return () => found.service.dial(found.service.clusterIp, port)
    },
    addressOf: name => [...balancers.values()].find(({ place }) => place.hostname === name)?.place.address,
    table: () => ({
      endpoints: [...balancers.values()].flatMap(({ place, doors }) =>
        [...doors].map(([port, { socket }]) => ({
          ...{ address: place.address, port, socket, tellsSource: false },
        })),
      ),
      names: Object.fromEntries(
        [...balancers.values()].flatMap(({ place }) =>
          place.hostname === undefined ? [] : [[place.hostname, place.address] as const],
        ),
      ),
      suffixes: [],
    }),
    close() {
      for (const balancer of balancers.values())
        for (const port of [...balancer.doors.keys()]) closeDoor(balancer, port)
    },
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
