import * as z from 'zod'
import type { ResourceStore } from '../store/resource-store.ts'

/*
 * Zones, records and health checks of the three simulated DNS services, in one shape: what their APIs project from, what
 * the name server answers from, and what is asked of gateways. Names without a dot behind them, in lower case.
 */

export type DnsCloud = 'aws' | 'gcp' | 'azure'
const cloud = z.enum(['aws', 'gcp', 'azure'])

const zoneSchema = z.object({
  cloud,
  /** The cloud's own id: `Z…`, a managed zone's name, an ARM id in lower case. */
  id: z.string(),
  name: z.string(),
  isPrivate: z.boolean(),
  nameServers: z.array(z.string()),
  /** What only the cloud's API shows. */
  shown: z.record(z.string(), z.unknown()),
})
export type Zone = z.infer<typeof zoneSchema>

const choiceSchema = z.object({
  weight: z.number(),
  values: z.array(z.string()),
  /** Which health check decides whether it is answered; without one it always is. */
  health: z.string().optional(),
})
const recordSchema = z.object({
  cloud,
  zone: z.string(),
  name: z.string(),
  type: z.string(),
  /** Of several of the same name and type; empty where there is one only. */
  set: z.string(),
  ttl: z.number(),
  choices: z.array(choiceSchema),
  shown: z.record(z.string(), z.unknown()),
})
export type Entry = z.infer<typeof recordSchema>

/** Who asks is the simulated cloud; what it found last is a fact beside it. */
const checkSchema = z.object({
  cloud,
  id: z.string(),
  port: z.number(),
  path: z.string(),
  /** What is asked, where the check itself says that: by name (looked up anew each time) or address. */
  target: z.string().optional(),
  host: z.string().optional(),
  intervalSeconds: z.number(),
  failures: z.number(),
  shown: z.record(z.string(), z.unknown()),
})
export type Check = z.infer<typeof checkSchema>

/** Traffic Manager: a name below trafficmanager.net that leads to one of its endpoints. */
const profileSchema = z.object({
  id: z.string(),
  name: z.string(),
  ttl: z.number(),
  port: z.number(),
  path: z.string(),
  intervalSeconds: z.number(),
  failures: z.number(),
  endpoints: z.array(z.object({ name: z.string(), target: z.string(), weight: z.number() })),
  shown: z.record(z.string(), z.unknown()),
})
export type TrafficProfile = z.infer<typeof profileSchema>

const healthSchema = z.object({ healthy: z.boolean(), why: z.string(), at: z.string() })
export type Health = z.infer<typeof healthSchema>

const types = {
  zone: 'dns_zone',
  record: 'dns_record',
  check: 'dns_health_check',
  profile: 'dns_traffic_profile',
}
const healthFacts = 'dns-health'

export function dnsStore(store: ResourceStore) {
  const all = <T>(type: string, schema: z.ZodType<T>) =>
    store.list(type).map(({ attributes }) => schema.parse(attributes))
  const recordId = ({ cloud: of, zone, name, type, set }: Entry) => `${of}/${zone}/${name}/${type}/${set}`
  return {
    zones: (of?: DnsCloud) =>
      all(types.zone, zoneSchema).filter(zone => of === undefined || zone.cloud === of),
    zone: (of: DnsCloud, id: string) => {
      const found = store.get(types.zone, `${of}/${id}`)
      return found === undefined ? undefined : zoneSchema.parse(found.attributes)
    },
    putZone: (zone: Zone) => void store.put(types.zone, `${zone.cloud}/${zone.id}`, zone),
    deleteZone: (zone: Zone) => store.delete(types.zone, `${zone.cloud}/${zone.id}`),
    entries: (zone: Zone) =>
      all(types.record, recordSchema).filter(entry => entry.cloud === zone.cloud && entry.zone === zone.id),
    putEntry: (entry: Entry) => void store.put(types.record, recordId(entry), entry),
    deleteEntry: (entry: Entry) => store.delete(types.record, recordId(entry)),
    checks: (of?: DnsCloud) =>
      all(types.check, checkSchema).filter(check => of === undefined || check.cloud === of),
    putCheck: (check: Check) => void store.put(types.check, `${check.cloud}/${check.id}`, check),
    deleteCheck(check: Check) {
      store.delete(types.check, `${check.cloud}/${check.id}`)
      store.deleteFact(healthFacts, check.id)
    },
    profiles: () => all(types.profile, profileSchema),
    putProfile: (profile: TrafficProfile) => void store.put(types.profile, profile.id, profile),
    deleteProfile: (profile: TrafficProfile) => store.delete(types.profile, profile.id),
    health: (id: string): Health | undefined => healthSchema.safeParse(store.getFact(healthFacts, id)).data,
    putHealth: (id: string, health: Health) => store.putFact(healthFacts, id, health),
    forgetHealth: (id: string) => store.deleteFact(healthFacts, id),
    knownHealth: () => store.listFacts(healthFacts),
  }
}
export type DnsStore = ReturnType<typeof dnsStore>

/** What a health check is called where a policy's addresses or a profile's endpoints are asked, each for itself. */
export function healthIdOf(owner: string, target: string): string {
  return `${owner}#${target}`
}
