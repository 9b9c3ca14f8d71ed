import * as z from 'zod'
import { type DnsRecord, type DnsZone, onlyZone } from '../dns.ts'
import type { GcpPlatform } from './platform.ts'

const zoneSchema = z.object({
  name: z.string(),
  dnsName: z.string(),
  visibility: z.string().default('public'),
  nameServers: z.array(z.string()).default([]),
})
export const recordSetSchema = z.object({
  name: z.string(),
  type: z.string(),
  ttl: z.number().default(0),
  rrdatas: z.array(z.string()).default([]),
  routingPolicy: z.looseObject({}).optional(),
})
type RecordSet = z.infer<typeof recordSetSchema>

export async function zone(
  { rest, project }: GcpPlatform,
  nameOrId: string,
  signal: AbortSignal,
): Promise<DnsZone | undefined> {
  const path = `/dns/v1/projects/${project}/managedZones`
  if (!nameOrId.includes('.')) {
    const found = await rest.find({ service: 'dns', path: `${path}/${nameOrId}`, answer: zoneSchema }, signal)
    return found?.visibility === 'public' ? asZone(found) : undefined
  }
  const named: z.infer<typeof zoneSchema>[] = []
  const request = { service: 'dns', path, query: { dnsName: `${nameOrId}.` } } as const
  for await (const found of rest.list({ ...request, field: 'managedZones', item: zoneSchema }, signal))
    if (found.visibility === 'public' && found.dnsName === `${nameOrId}.`) named.push(found)
  const only = onlyZone('Cloud DNS', nameOrId, named, zones => zones.map(({ name }) => name).join(', '))
  return only === undefined ? undefined : asZone(only)
}

function asZone({ name, dnsName, nameServers }: z.infer<typeof zoneSchema>): DnsZone {
  return { id: name, name: plain(dnsName), nameServers: nameServers.map(plain) }
}

export function zonePath({ project }: GcpPlatform, { id }: DnsZone): string {
  return `/dns/v1/projects/${project}/managedZones/${encodeURIComponent(id)}`
}

interface Change {
  readonly additions: readonly object[]
  /** Have to be as they stand, or nothing of the change is done. */
  readonly deletions: readonly object[]
}

/** All of it or nothing. */
export async function changeRecords(
  platform: GcpPlatform,
  found: DnsZone,
  change: Change,
  signal: AbortSignal,
): Promise<void> {
  if (change.additions.length === 0 && change.deletions.length === 0) return
  const path = `${zonePath(platform, found)}/changes`
  await platform.rest.call(
    { method: 'POST', service: 'dns', path, body: change, answer: z.looseObject({}) },
    signal,
  )
}

export function plain(name: string): string {
  return name.replace(/\.$/, '').toLowerCase()
}

export function asRecord({ name, type, ttl, rrdatas, routingPolicy }: RecordSet): DnsRecord {
  const value = (data: string) =>
    type === 'TXT' ? data.replace(/^"|"$/g, '') : type === 'CNAME' ? plain(data) : data
  return {
    ...{ name: plain(name), type, ttl },
    values: rrdatas.map(value),
    ...(routingPolicy === undefined ? {} : { isRouted: true }),
  }
}

export function asSet({ name, type, ttl, values }: DnsRecord): object {
  const data = (value: string) => (type === 'TXT' ? `"${value}"` : type === 'CNAME' ? `${value}.` : value)
  return { name: `${name}.`, type, ttl, rrdatas: values.map(data) }
}
