import type { CloudName } from '../../clouds/cloud.ts'
import type { DnsRecord, DnsService, DnsZone, GlobalMember, GlobalName } from '../../clouds/dns.ts'
import { recordTtl } from '../../clouds/dns.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { MlpError } from '../../engine/errors.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context } from '../phase.ts'
import { cloudHost, dnsCloud, gatewayPlaces, recordOf } from './dns-names.ts'

/** Beside each name a TXT record says whose it is. A CNAME bears nothing beside it, so the mark has a name of its own. */
const markPrefix = '_mlp.'
/** What may lead somewhere; whatever else stands at a name (MX, CAA) is nobody's business here. */
const leading: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME'])

export interface OpenZone {
  readonly service: DnsService
  readonly zone: DnsZone
  readonly domain: string
}

/** The zone that mlp.yaml names; undefined where its cloud has none of that name. */
export async function findZone(context: Context): Promise<OpenZone | undefined> {
  const { dns, domain } = context.config
  if (dns === undefined || domain === undefined) throw new Error('there is no zone in the configuration')
  const service = cloudOf(context, dnsCloud(context.config)).dns()
  const zone = await service.zone(dns.zone, context.signal)
  return zone === undefined ? undefined : { service, zone, domain }
}

/** What stands at the platform's names now, and what is to stand there. */
export interface NamesState {
  readonly found: readonly DnsRecord[]
  /** Per-cloud records whose address is known: of a cloud outside of this run, as they stand. */
  readonly wanted: readonly DnsRecord[]
  readonly global: GlobalName
  /** Clouds of this run whose load balancer has no address yet. */
  readonly waiting: readonly CloudName[]
}

export async function readNames(context: Context, { service, zone, domain }: OpenZone): Promise<NamesState> {
  const [found, places] = await Promise.all([
    service.records(zone, domain, context.signal),
    gatewayPlaces(context),
  ])
  const members = places.flatMap(({ cloud, address }): GlobalMember[] => {
    const name = cloudHost(domain, cloud)
    if (address !== undefined) return [{ cloud, name, address }]
    const standing = context.clouds.has(cloud) ? undefined : standingMember(context, found, cloud, domain)
    return standing === undefined ? [] : [standing]
  })
  return {
    found,
    wanted: members.map(({ name, address }) => recordOf(name, address)),
    global: { name: domain, members },
    waiting: places
      .filter(({ cloud, address }) => address === undefined && context.clouds.has(cloud))
      .map(({ cloud }) => cloud),
  }
}

/** A cloud's own name as it stands, where it is ours: what is known of a cloud outside of this run. */
export function standingMember(
  { platformId }: Context,
  found: readonly DnsRecord[],
  cloud: CloudName,
  domain: string,
): GlobalMember | undefined {
  const name = cloudHost(domain, cloud)
  const [record] = leadingAt(found, name)
  const [value] = record?.values ?? []
  if (record === undefined || value === undefined || markOf(found, name, platformId) === undefined)
    return undefined
  return { cloud, name, address: { kind: record.type === 'CNAME' ? 'hostname' : 'ip', value } }
}

export function leadingAt(found: readonly DnsRecord[], name: string): readonly DnsRecord[] {
  return found.filter(record => record.name === name && leading.has(record.type))
}

interface Mark {
  readonly record: DnsRecord
  /** It was there before mlp, and stays when mlp goes. */
  readonly isAdopted: boolean
}

export function markName(name: string): string {
  return `${markPrefix}${name}`
}

export function markRecord(name: string, platformId: string, isAdopted = false): DnsRecord {
  const value = `mlp.dev/platform-id=${platformId}${isAdopted ? ' adopted' : ''}`
  return { name: markName(name), type: 'TXT', ttl: recordTtl, values: [value] }
}

/** This platform's mark beside a name. */
export function markOf(found: readonly DnsRecord[], name: string, platformId: string): Mark | undefined {
  for (const isAdopted of [false, true]) {
    const [value] = markRecord(name, platformId, isAdopted).values
    const record = found.find(
      each => each.name === markName(name) && each.type === 'TXT' && each.values.some(one => one === value),
    )
    if (record !== undefined) return { record, isAdopted }
  }
  return undefined
}

/** Every name at or below the domain that carries this platform's mark. */
export function markedNames(found: readonly DnsRecord[], platformId: string): readonly string[] {
  return found
    .filter(({ name, type }) => type === 'TXT' && name.startsWith(markPrefix))
    .map(({ name }) => name.slice(markPrefix.length))
    .filter(name => markOf(found, name, platformId) !== undefined)
}

export function isSame(left: DnsRecord, right: DnsRecord): boolean {
  return (
    left.name === right.name &&
    left.type === right.type &&
    left.ttl === right.ttl &&
    left.isRouted === right.isRouted &&
    [...left.values].sort().join() === [...right.values].sort().join()
  )
}

/** Names that lead somewhere already and do not carry this platform's mark. */
export function foreignNames(
  found: readonly DnsRecord[],
  names: readonly string[],
  platformId: string,
): readonly string[] {
  return names.filter(
    name =>
      markOf(found, name, platformId) === undefined &&
      (leadingAt(found, name).length > 0 || found.some(each => each.name === markName(name))),
  )
}

/** Names in the zone that are this platform's no more: of a cloud that is not configured any longer. */
export function surplusNames(context: Context, { found, global }: NamesState): readonly string[] {
  const kept = new Set([
    global.name,
    ...configuredClouds(context.config).map(cloud => cloudHost(global.name, cloud)),
  ])
  return markedNames(found, context.platformId).filter(name => !kept.has(name))
}

export function zoneMissing(context: Context): MlpError {
  const cloud = cloudOf(context, dnsCloud(context.config))
  return new MlpError({
    code: 'MLP4081',
    summary: `${cloud.title} has no public DNS zone ${context.config.dns?.zone}`,
    detail: 'mlp makes records in a zone that is there; it makes no zone.',
    remedy: [
      'Make the zone, and have its parent delegate to it; or correct dns in mlp.yaml.',
      'Or leave dns out of mlp.yaml: mlp then prints the records to be made.',
    ],
  })
}

export function foreignName(zone: DnsZone, names: readonly string[], found: readonly DnsRecord[]): MlpError {
  const shown = names.flatMap(name =>
    leadingAt(found, name).map(({ type, values }) => `${name} ${type} ${values.join(' ')}`),
  )
  return new MlpError({
    code: 'MLP4082',
    summary: `${names.join(', ')} in the zone ${zone.name} is somebody else’s`,
    detail: ['No record was changed.', ...shown].join('\n'),
    remedy: [
      'Remove what stands there if nobody needs it, or choose another domain in mlp.yaml.',
      'A single record of one cloud’s name is taken over by the same command with --adopt; teardown then leaves it.',
    ],
  })
}

/** The zone's own name takes no CNAME, and names outside of it are not its. */
export function refuseDomainOutside({ name }: DnsZone, domain: string): void {
  if (domain.endsWith(`.${name}`)) return
  throw new MlpError({
    code: 'MLP4083',
    summary: `${domain} is not below the zone ${name}`,
    detail: `The name that leads to all clouds has to be below the zone’s own, such as ml.${name}.`,
    remedy: ['Set domain in mlp.yaml to a name below the zone, or name another zone.'],
  })
}
