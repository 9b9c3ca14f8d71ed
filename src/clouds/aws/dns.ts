import type { DnsService } from '../dns.ts'
import { globalState, health, putGlobal, removeGlobal } from './dns-global.ts'
import { asRecord, asSet, changeRecords, recordSets, type SetChange, zone } from './dns-records.ts'
import type { AwsPlatform } from './platform.ts'

/** Route 53. https://docs.aws.amazon.com/Route53/latest/APIReference/ */
export function dnsService(platform: AwsPlatform): DnsService {
  return {
    zone: (nameOrId, signal) => zone(platform, nameOrId, signal),
    async records(found, below, signal) {
      return (await recordSets(platform, found, below, signal)).map(asRecord)
    },
    change: (found, { create, replace, remove }, signal) =>
      changeRecords(
        platform,
        found,
        [
          ...remove.map(record => ({ Action: 'DELETE' as const, ResourceRecordSet: asSet(record) })),
          // Another type at a name is another record set: what stands there goes in the same batch.
          ...replace.flatMap(({ from, to }): SetChange[] =>
            from.type === to.type
              ? [{ Action: 'UPSERT' as const, ResourceRecordSet: asSet(to) }]
              : [
                  { Action: 'DELETE' as const, ResourceRecordSet: asSet(from) },
                  { Action: 'CREATE' as const, ResourceRecordSet: asSet(to) },
                ],
          ),
          ...create.map(record => ({ Action: 'CREATE' as const, ResourceRecordSet: asSet(record) })),
        ],
        signal,
      ),
    globalState: (found, wanted, signal) => globalState(platform, found, wanted, signal),
    putGlobal: (found, wanted, signal, report) => putGlobal(platform, found, wanted, signal, report),
    removeGlobal: (found, name, isOurs, signal) => removeGlobal(platform, found, name, isOurs, signal),
    health: (found, wanted, signal) => health(platform, found, wanted, signal),
  }
}
