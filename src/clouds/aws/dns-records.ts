import type { HostedZone, ResourceRecordSet } from '@aws-sdk/client-route-53'
import { type DnsRecord, type DnsZone, isWithin, onlyZone } from '../dns.ts'
import { type AwsPlatform, ask, find } from './platform.ts'

export async function zone(
  platform: AwsPlatform,
  nameOrId: string,
  signal: AbortSignal,
): Promise<DnsZone | undefined> {
  const { GetHostedZoneCommand, ListHostedZonesByNameCommand } = await import('@aws-sdk/client-route-53')
  const client = await platform.clients.route53()
  if (!nameOrId.includes('.')) return await zoneById(nameOrId)
  const listed = await ask('looking for the hosted zone', () =>
    client.send(new ListHostedZonesByNameCommand({ DNSName: nameOrId }), { abortSignal: signal }),
  )
  const named = (listed.HostedZones ?? []).filter(
    each => plainName(each.Name) === nameOrId && each.Config?.PrivateZone !== true,
  )
  const only = onlyZone('Route 53', nameOrId, named, zones => zones.map(plainId).join(', '))
  return only === undefined ? undefined : await zoneById(plainId(only))

  async function zoneById(Id: string): Promise<DnsZone | undefined> {
    const found = await find('reading the hosted zone', () =>
      client.send(new GetHostedZoneCommand({ Id }), { abortSignal: signal }),
    )
    if (found?.HostedZone === undefined || found.HostedZone.Config?.PrivateZone === true) return undefined
    return {
      id: plainId(found.HostedZone),
      name: plainName(found.HostedZone.Name),
      nameServers: found.DelegationSet?.NameServers ?? [],
    }
  }
}

/** All record sets at a name and below it, which Route 53 keeps together in its order of reversed labels. */
export async function recordSets(
  platform: AwsPlatform,
  { id, name }: DnsZone,
  below: string,
  signal: AbortSignal,
): Promise<readonly ResourceRecordSet[]> {
  const { ListResourceRecordSetsCommand } = await import('@aws-sdk/client-route-53')
  const client = await platform.clients.route53()
  const found: ResourceRecordSet[] = []
  let from: {
    StartRecordName: string
    StartRecordType?: ResourceRecordSet['Type']
    StartRecordIdentifier?: string
  } = {
    StartRecordName: below,
  }
  for (;;) {
    const page = await ask(`reading the records of ${name}`, () =>
      client.send(new ListResourceRecordSetsCommand({ HostedZoneId: id, ...from }), { abortSignal: signal }),
    )
    for (const set of page.ResourceRecordSets ?? []) {
      if (!isWithin({ name: plainName(set.Name) }, below)) return found
      found.push(set)
    }
    if (page.IsTruncated !== true || page.NextRecordName === undefined) return found
    from = {
      StartRecordName: page.NextRecordName,
      ...(page.NextRecordType === undefined ? {} : { StartRecordType: page.NextRecordType }),
      ...(page.NextRecordIdentifier === undefined
        ? {}
        : { StartRecordIdentifier: page.NextRecordIdentifier }),
    }
  }
}

export interface SetChange {
  readonly Action: 'CREATE' | 'UPSERT' | 'DELETE'
  readonly ResourceRecordSet: ResourceRecordSet
}

/** All of it or nothing, and waits until every name server has it. */
export async function changeRecords(
  platform: AwsPlatform,
  { id, name }: DnsZone,
  changes: readonly SetChange[],
  signal: AbortSignal,
): Promise<void> {
  if (changes.length === 0) return
  const { ChangeResourceRecordSetsCommand, waitUntilResourceRecordSetsChanged } = await import(
    '@aws-sdk/client-route-53'
  )
  const client = await platform.clients.route53()
  const made = await ask(`changing the records of ${name}`, () =>
    client.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: id,
        ChangeBatch: { Changes: [...changes], Comment: `mlp ${platform.platformId}` },
      }),
      { abortSignal: signal },
    ),
  )
  const Id = made.ChangeInfo?.Id
  if (Id === undefined || made.ChangeInfo?.Status === 'INSYNC') return
  await ask(`waiting for the name servers of ${name}`, () =>
    waitUntilResourceRecordSetsChanged({ client, maxWaitTime: 300, minDelay: 2, maxDelay: 10 }, { Id }),
  )
}

export function asRecord(set: ResourceRecordSet): DnsRecord {
  return {
    name: plainName(set.Name),
    type: set.Type ?? '',
    ttl: set.TTL ?? 0,
    values: (set.ResourceRecords ?? []).map(({ Value = '' }) => plainValue(set.Type, Value)),
    ...(set.SetIdentifier === undefined ? {} : { isRouted: true }),
  }
}

export function asSet({ name, type, ttl, values }: DnsRecord): ResourceRecordSet {
  return {
    Name: name,
    Type: type as NonNullable<ResourceRecordSet['Type']>,
    TTL: ttl,
    ResourceRecords: values.map(value => ({ Value: type === 'TXT' ? `"${value}"` : value })),
  }
}

/** Without the dot at its end, and with the characters that Route 53 writes in octal. */
export function plainName(name: string | undefined): string {
  return (name ?? '')
    .replace(/\.$/, '')
    .replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    .toLowerCase()
}

function plainValue(type: string | undefined, value: string): string {
  if (type === 'TXT') return value.replace(/^"|"$/g, '')
  return type === 'CNAME' ? plainName(value) : value
}

function plainId({ Id = '' }: HostedZone): string {
  return Id.replace(/^\/hostedzone\//, '')
}
