import { type DnsRecord, type DnsService, isWithin } from '../dns.ts'
import { globalState, health, putGlobal, removeGlobal } from './dns-global.ts'
import { asRecord, asSet, changeRecords, recordSetSchema, zone, zonePath } from './dns-records.ts'
import type { GcpPlatform } from './platform.ts'

/** Cloud DNS. https://cloud.google.com/dns/docs/reference/rest/v1 */
export function dnsService(platform: GcpPlatform): DnsService {
  return {
    zone: (nameOrId, signal) => zone(platform, nameOrId, signal),
    async records(found, below, signal) {
      const records: DnsRecord[] = []
      // Cloud DNS filters by whole names only.
      const request = {
        service: 'dns',
        path: `${zonePath(platform, found)}/rrsets`,
        query: { maxResults: '1000' },
      } as const
      for await (const set of platform.rest.list(
        { ...request, field: 'rrsets', item: recordSetSchema },
        signal,
      )) {
        const record = asRecord(set)
        if (isWithin(record, below)) records.push(record)
      }
      return records
    },
    change: (found, { create, replace, remove }, signal) =>
      changeRecords(
        platform,
        found,
        {
          additions: [...replace.map(({ to }) => asSet(to)), ...create.map(asSet)],
          deletions: [...remove.map(asSet), ...replace.map(({ from }) => asSet(from))],
        },
        signal,
      ),
    globalState: (found, wanted, signal) => globalState(platform, found, wanted, signal),
    putGlobal: (found, wanted, signal, report) => putGlobal(platform, found, wanted, signal, report),
    removeGlobal: (found, name, isOurs, signal) => removeGlobal(platform, found, name, isOurs, signal),
    health: (_found, wanted) => health(wanted),
  }
}
