import { type DnsService, isWithin } from '../dns.ts'
import { globalState, health, putGlobal, removeGlobal } from './dns-global.ts'
import { asRecord, deleteRecord, dnsApi, putRecord, recordSchema, relative, zone } from './dns-records.ts'
import type { AzurePlatform } from './platform.ts'

/** Azure DNS, with a Traffic Manager profile behind the global name. */
export function dnsService(platform: AzurePlatform): DnsService {
  return {
    zone: (nameOrId, signal) => zone(platform, nameOrId, signal),
    async records(found, below, signal) {
      const arm = await platform.arm()
      const sets = await arm.list(`${found.id}/recordsets`, dnsApi, recordSchema, signal, {
        $recordsetnamesuffix: relative(found, below),
      })
      return sets.map(set => asRecord(found, set)).filter(record => isWithin(record, below))
    },
    // One record after the other: what was done before an error stays, and the next run goes on.
    async change(found, { create, replace, remove }, signal) {
      for (const record of remove) await deleteRecord(platform, found, record, signal)
      for (const { from, to } of replace) {
        if (from.type !== to.type) await deleteRecord(platform, found, from, signal)
        await putRecord(platform, found, to, signal, {})
      }
      for (const record of create) await putRecord(platform, found, record, signal, { 'if-none-match': '*' })
    },
    globalState: (found, wanted, signal) => globalState(platform, found, wanted, signal),
    putGlobal: (found, wanted, signal, report) => putGlobal(platform, found, wanted, signal, report),
    removeGlobal: (found, name, isOurs, signal) => removeGlobal(platform, found, name, isOurs, signal),
    health: (_found, wanted, signal) => health(platform, wanted, signal),
  }
}
