import { join } from 'node:path'
import type { ServerDoor } from '../servers/data-servers.ts'
import type { OutsideTable } from '../workloads/network/service-table.ts'
import { publicNames, publicSuffixes } from './edge.ts'
import { type LoadBalancers, openLoadBalancers } from './load-balancers.ts'

/** Where the clouds' public names lead on every cluster's network: an address of nobody (RFC 2544). */
const edgeAddress = '198.18.0.1'

/** Under this address, at the ports that they have on this machine, every cluster's API is reached from all networks. */
export const apisAddress = '198.18.0.2'

/** What lies outside of the clusters' networks and is reached from inside. */
export interface Outside {
  readonly edgeSocket: string
  readonly balancers: LoadBalancers
  /** For one cloud's clusters; what is the cluster's own comes beside it. */
  table(cloud: string): OutsideTable
  /** Where a cluster's API is reached from the others, as `127.0.0.1:<port>` on this machine; undefined: nowhere. */
  setApi(key: string, api: { readonly port: number; readonly socket: string } | undefined): void
  changed(): void
  /** Calls after each change, until the signal ends it. */
  watch(onChange: () => void, signal: AbortSignal): void
  close(): void
}

export interface OutsideOptions {
  readonly socketFolder: string
  doors(cloud: string): readonly ServerDoor[]
  blobAccounts(): readonly string[]
}

export function openOutside(options: OutsideOptions): Outside {
  const edgeSocket = join(options.socketFolder, 'edge')
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watcher of watchers) watcher()
  }
  const apis = new Map<string, { readonly port: number; readonly socket: string }>()
  const balancers = openLoadBalancers(options.socketFolder, changed)
  return {
    edgeSocket,
    balancers,
    close: balancers.close,
    table(cloud) {
      const balanced = balancers.table()
      const doors = options.doors(cloud)
      const accounts = options.blobAccounts().map(account => `${account}.blob.core.windows.net`)
      return {
        endpoints: [
          { address: edgeAddress, port: 443, socket: edgeSocket, tellsSource: false },
          ...doors.map(({ address, port, socket }) => ({ address, port, socket, tellsSource: false })),
          ...balanced.endpoints,
          ...[...apis.values()].map(api => ({ address: apisAddress, ...api, tellsSource: false })),
        ],
        names: Object.fromEntries([
          ...Object.entries(balanced.names),
          ...[...publicNames, ...accounts].map(name => [name, edgeAddress] as const),
          ...doors.flatMap(({ hosts, address }) => hosts.map(host => [host.toLowerCase(), address] as const)),
        ]),
        suffixes: publicSuffixes.map(suffix => ({ suffix, address: edgeAddress })),
      }
    },
    setApi(key, api) {
      if (api === undefined) apis.delete(key)
      else apis.set(key, api)
      changed()
    },
    changed,
    watch(onChange, signal) {
      watchers.add(onChange)
      signal.addEventListener('abort', () => watchers.delete(onChange), { once: true })
    },
  }
}
