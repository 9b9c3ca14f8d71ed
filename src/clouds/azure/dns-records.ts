import * as z from 'zod'
import { type DnsRecord, type DnsZone, onlyZone } from '../dns.ts'
import type { AzurePlatform } from './platform.ts'

export const dnsApi = '2018-05-01'

const zoneSchema = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({
    zoneType: z.string().default('Public'),
    nameServers: z.array(z.string()).default([]),
  }),
})
/** `TTL`, `ARecords` and their kind: https://learn.microsoft.com/rest/api/dns/record-sets/get */
export const recordSchema = z.object({
  name: z.string(),
  type: z.string(),
  properties: z.object({
    TTL: z.number().default(0),
    ARecords: z.array(z.object({ ipv4Address: z.string() })).default([]),
    AAAARecords: z.array(z.object({ ipv6Address: z.string() })).default([]),
    CNAMERecord: z.object({ cname: z.string() }).optional(),
    TXTRecords: z.array(z.object({ value: z.array(z.string()) })).default([]),
  }),
})

export async function zone(
  platform: AzurePlatform,
  nameOrId: string,
  signal: AbortSignal,
): Promise<DnsZone | undefined> {
  const arm = await platform.arm()
  if (nameOrId.startsWith('/')) {
    const found = await arm.get(nameOrId, dnsApi, zoneSchema, signal)
    return found === undefined ? undefined : asZone(found)
  }
  const path = `/subscriptions/${platform.subscriptionId}/providers/Microsoft.Network/dnszones`
  const listed = await arm.list(path, dnsApi, zoneSchema, signal)
  const named = listed.filter(({ name, properties }) => name === nameOrId && properties.zoneType === 'Public')
  const only = onlyZone('Azure', nameOrId, named, zones => zones.map(({ id }) => id).join('\n'))
  return only === undefined ? undefined : asZone(only)
}

function asZone({ id, name, properties }: z.infer<typeof zoneSchema>): DnsZone {
  return { id, name, nameServers: properties.nameServers.map(server => server.replace(/\.$/, '')) }
}

export async function putRecord(
  platform: AzurePlatform,
  found: DnsZone,
  record: DnsRecord,
  signal: AbortSignal,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const arm = await platform.arm()
  await arm.put(pathOf(found, record), dnsApi, { properties: propertiesOf(record) }, signal, headers)
}

export async function deleteRecord(
  platform: AzurePlatform,
  found: DnsZone,
  record: Pick<DnsRecord, 'name' | 'type'>,
  signal: AbortSignal,
): Promise<void> {
  const arm = await platform.arm()
  await arm.delete(pathOf(found, record), dnsApi, signal)
}

export async function readRecord(
  platform: AzurePlatform,
  found: DnsZone,
  record: Pick<DnsRecord, 'name' | 'type'>,
  signal: AbortSignal,
): Promise<DnsRecord | undefined> {
  const arm = await platform.arm()
  const answer = await arm.get(pathOf(found, record), dnsApi, recordSchema, signal)
  return answer === undefined ? undefined : asRecord(found, answer)
}

function pathOf(found: DnsZone, { name, type }: Pick<DnsRecord, 'name' | 'type'>): string {
  return `${found.id}/${type}/${relative(found, name)}`
}

/** Azure names records from their zone on. */
export function relative({ name: zoneName }: DnsZone, name: string): string {
  return name === zoneName ? '@' : name.slice(0, -zoneName.length - 1)
}

export function asRecord(
  found: DnsZone,
  { name, type, properties }: z.infer<typeof recordSchema>,
): DnsRecord {
  const { TTL, ARecords, AAAARecords, CNAMERecord, TXTRecords } = properties
  return {
    name: (name === '@' ? found.name : `${name}.${found.name}`).toLowerCase(),
    type: type.slice(type.lastIndexOf('/') + 1).toUpperCase(),
    ttl: TTL,
    values: [
      ...ARecords.map(({ ipv4Address }) => ipv4Address),
      ...AAAARecords.map(({ ipv6Address }) => ipv6Address),
      ...(CNAMERecord === undefined ? [] : [CNAMERecord.cname.replace(/\.$/, '').toLowerCase()]),
      ...TXTRecords.map(({ value }) => value.join('')),
    ],
  }
}

function propertiesOf({ type, ttl, values }: DnsRecord): object {
  switch (type) {
    case 'A':
      return { TTL: ttl, ARecords: values.map(ipv4Address => ({ ipv4Address })) }
    case 'CNAME':
      return { TTL: ttl, CNAMERecord: { cname: values[0] } }
    case 'TXT':
      return { TTL: ttl, TXTRecords: values.map(value => ({ value: [value] })) }
    default:
      throw new Error(`mlp writes no ${type} records`)
  }
}
