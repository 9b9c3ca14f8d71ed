import { join } from 'node:path'
import type { ServerDoor } from '../servers/data-servers.ts'
import type { OutsideTable } from '../workloads/network/service-table.ts'
import { publicNames, publicSuffixes } from './edge.ts'

/** Where the clouds' public names lead on every cluster's network: an address of nobody (RFC 2544). */
const edgeAddress = '198.18.0.1'

/** What lies outside of the clusters' networks and is reached from inside. */
export interface Outside {
  readonly edgeSocket: string
  /** For one cloud's clusters; what is the cluster's own comes beside it. */
  table(cloud: string): OutsideTable
  changed(): void
  /** Calls after each change, until the signal ends it. */
  watch(onChange: () => void, signal: AbortSignal): void
}

export interface OutsideOptions {
  readonly socketFolder: string
  doors(cloud: string): readonly ServerDoor[]
  blobAccounts(): readonly string[]
}

export function openOutside(options: OutsideOptions): Outside {
  const edgeSocket = join(options.socketFolder, 'edge')
  const watchers = new Set<() => void>()
  return {
    edgeSocket,
    table(cloud) {
      const doors = options.doors(cloud)
      const accounts = options.blobAccounts().map(account => `${account}.blob.core.windows.net`)
      return {
        endpoints: [
          { address: edgeAddress, port: 443, socket: edgeSocket, tellsSource: false },
          ...doors.map(({ address, port, socket }) => ({ address, port, socket, tellsSource: false })),
        ],
        names: Object.fromEntries([
          ...[...publicNames, ...accounts].map(name => [name, edgeAddress] as const),
          ...doors.flatMap(({ hosts, address }) => hosts.map(host => [host.toLowerCase(), address] as const)),
        ]),
        suffixes: publicSuffixes.map(suffix => ({ suffix, address: edgeAddress })),
      }
    },
    changed() {
      for (const watcher of watchers) watcher()
    },
    watch(onChange, signal) {
      watchers.add(onChange)
      signal.addEventListener('abort', () => watchers.delete(onChange), { once: true })
    },
  }
}
