import { CloudError } from '../../../behaviour.ts'
import { dnsStore, type Entry, type Zone } from '../../../dns/dns-store.ts'
import type { World } from '../../../world.ts'
import { isWithin } from '../arm-id.ts'
import { isAttributes, text, textMap } from '../attributes.ts'
import { type ArmRequest, type ArmResponse, armError, jsonBody } from './exchange.ts'
import { findResource } from './resources.ts'

/*
 * Azure DNS: public zones and their record sets. https://learn.microsoft.com/rest/api/dns/ (2018-05-01)
 */

const listed = /^\/subscriptions\/[^/]+(\/resourceGroups\/[^/]+)?\/providers\/Microsoft\.Network\/dnsZones$/i
const zonePattern =
  /^(\/subscriptions\/[^/]+\/resourceGroups\/[^/]+)\/providers\/Microsoft\.Network\/dnsZones\/([^/]+)(?:\/([^/]+)(?:\/([^/]+))?)?$/i
const nameServers = [
  'ns1-01.azure-dns.com',
  'ns2-01.azure-dns.net',
  'ns3-01.azure-dns.org',
  'ns4-01.azure-dns.info',
]
const recordTypes = ['A', 'AAAA', 'CNAME', 'TXT', 'NS', 'SOA']

/** Undefined for what is not Azure DNS'. */
export function dnsZones(request: ArmRequest, world: World): ArmResponse | undefined {
  const { method, path } = request
  const store = dnsStore(world.store)
  if (listed.test(path) && method === 'GET') {
    const scope = path.slice(0, path.toLowerCase().lastIndexOf('/providers/'))
    const zones = store.zones('azure').filter(zone => isWithin(zone.id, scope.toLowerCase()))
    return { status: 200, body: { value: zones.map(zone => shownZone(world, zone)) } }
  }
  const [, group = '', name = '', type, record] = zonePattern.exec(path) ?? []
  if (name === '') return undefined
  const id = path.split('/').slice(0, 9).join('/')
  const zone = store.zone('azure', id.toLowerCase())
  if (type === undefined) return zoneAnswer(request, world, { id, group, name: name.toLowerCase() }, zone)
  if (zone === undefined)
    return armError(
      404,
      'ParentResourceNotFound',
      `Can not perform requested operation on nested resource. Parent resource '${name}' not found.`,
    )
  if (record === undefined) {
    if (method !== 'GET' || !/^(recordsets|all)$/i.test(type)) return undefined
    const suffix = (request.query.get('$recordsetnamesuffix') ?? '').toLowerCase()
    const entries = store.entries(zone).filter(entry => relative(zone, entry).endsWith(suffix))
    return { status: 200, body: { value: entries.map(entry => shownEntry(zone, entry)) } }
  }
  if (!recordTypes.includes(type.toUpperCase())) return undefined
  return recordAnswer(request, world, zone, { type: type.toUpperCase(), name: record.toLowerCase() })
}

function zoneAnswer(
  request: ArmRequest,
  world: World,
  { id, group, name }: { readonly id: string; readonly group: string; readonly name: string },
  zone: Zone | undefined,
): ArmResponse {
  const store = dnsStore(world.store)
  switch (request.method) {
    case 'PUT': {
      if (findResource(world, group) === undefined)
        return armError(
          404,
          'ResourceGroupNotFound',
          `Resource group '${group.split('/').at(-1)}' could not be found.`,
        )
      const body = jsonBody(request)
      const made: Zone = {
        ...{ cloud: 'azure', id: id.toLowerCase(), name, isPrivate: false, nameServers },
        shown: { id, tags: textMap(body, 'tags') },
      }
      store.putZone(made)
      if (zone === undefined) {
        const own = { cloud: made.cloud, zone: made.id, name, set: '', shown: {} }
        store.putEntry({
          ...own,
          type: 'NS',
          ttl: 172_800,
          choices: [{ weight: 1, values: nameServers.map(each => `${each}.`) }],
        })
        store.putEntry({
          ...own,
          type: 'SOA',
          ttl: 3_600,
          choices: [{ weight: 1, values: [`${nameServers[0]}.`] }],
        })
      }
      return { status: zone === undefined ? 201 : 200, body: shownZone(world, made) }
    }
    case 'GET':
      return zone === undefined ? absent(id) : { status: 200, body: shownZone(world, zone) }
    case 'DELETE':
      if (zone !== undefined) removeZone(world, zone)
      return { status: zone === undefined ? 204 : 200 }
    default:
      return armError(405, 'MethodNotAllowed', `The HTTP method ${request.method} is not supported here.`)
  }
}

export function removeZone(world: World, zone: Zone): void {
  const store = dnsStore(world.store)
  for (const entry of store.entries(zone)) store.deleteEntry(entry)
  store.deleteZone(zone)
}

function recordAnswer(
  request: ArmRequest,
  world: World,
  zone: Zone,
  named: { readonly type: string; readonly name: string },
): ArmResponse {
  const store = dnsStore(world.store)
  const name = named.name === '@' ? zone.name : `${named.name}.${zone.name}`
  const there = store.entries(zone).filter(entry => entry.name === name)
  const found = there.find(({ type }) => type === named.type)
  const missing = `The resource record '${named.name}' does not exist in resource group of DNS zone '${zone.name}'.`
  switch (request.method) {
    case 'GET':
      return found === undefined
        ? armError(404, 'NotFound', missing)
        : { status: 200, body: shownEntry(zone, found) }
    case 'DELETE':
      if (found !== undefined) store.deleteEntry(found)
      return { status: found === undefined ? 204 : 200 }
    case 'PUT': {
      if (request.headers['if-none-match'] === '*' && found !== undefined)
        return armError(
          412,
          'PreconditionFailed',
          `The Record set ${named.name} exists already and hence cannot be created again.`,
        )
      if (named.type === 'CNAME' && name === zone.name)
        return armError(400, 'BadRequest', 'CNAME records are not allowed at the zone apex.')
      if (there.some(({ type }) => (type === 'CNAME') !== (named.type === 'CNAME')))
        return armError(
          400,
          'BadRequest',
          `The record set could not be added because of a conflict: a CNAME record stands alone at its name '${named.name}'.`,
        )
      const properties = jsonBody(request)['properties']
      const entry: Entry = {
        ...{ cloud: 'azure', zone: zone.id, name, type: named.type, set: '' },
        ttl: isAttributes(properties) ? Number(properties['TTL'] ?? properties['ttl'] ?? 0) : 0,
        choices: [{ weight: 1, values: valuesOf(isAttributes(properties) ? properties : {}, named.type) }],
        shown: {},
      }
      store.putEntry(entry)
      return { status: found === undefined ? 201 : 200, body: shownEntry(zone, entry) }
    }
    default:
      return armError(405, 'MethodNotAllowed', `The HTTP method ${request.method} is not supported here.`)
  }
}

function valuesOf(properties: Readonly<Record<string, unknown>>, type: string): string[] {
  const list = (key: string) => {
    const value = properties[key]
    return Array.isArray(value) ? value.filter(isAttributes) : []
  }
  const cname = properties['CNAMERecord']
  const values =
    type === 'A'
      ? list('ARecords').map(one => text(one, 'ipv4Address') ?? '')
      : type === 'AAAA'
        ? list('AAAARecords').map(one => text(one, 'ipv6Address') ?? '')
        : type === 'TXT'
          ? list('TXTRecords').map(one =>
              Array.isArray(one['value']) ? one['value'].map(String).join('') : '',
            )
          : isAttributes(cname)
            ? [(text(cname, 'cname') ?? '').replace(/\.$/, '').toLowerCase()]
            : []
  if (values.length === 0 || values.includes(''))
    throw new CloudError('BadRequest', `The record set has no values of the type ${type}.`)
  return values
}

export function shownZone(world: World, zone: Zone) {
  return {
    id: String(zone.shown['id']),
    name: zone.name,
    type: 'Microsoft.Network/dnszones',
    location: 'global',
    tags: textMap(zone.shown, 'tags'),
    etag: etagOf(zone.id),
    properties: {
      maxNumberOfRecordSets: 10_000,
      numberOfRecordSets: dnsStore(world.store).entries(zone).length,
      nameServers: zone.nameServers.map(server => `${server}.`),
      zoneType: 'Public',
    },
  }
}

function shownEntry(zone: Zone, entry: Entry): object {
  const name = relative(zone, entry)
  const values = entry.choices.flatMap(choice => choice.values)
  const own: Readonly<Record<string, object>> = {
    A: { ARecords: values.map(ipv4Address => ({ ipv4Address })) },
    AAAA: { AAAARecords: values.map(ipv6Address => ({ ipv6Address })) },
    CNAME: { CNAMERecord: { cname: values[0] } },
    TXT: { TXTRecords: values.map(value => ({ value: [value] })) },
    NS: { NSRecords: values.map(nsdname => ({ nsdname })) },
  }
  return {
    id: `${String(zone.shown['id'])}/${entry.type}/${name}`,
    name,
    type: `Microsoft.Network/dnszones/${entry.type}`,
    etag: etagOf(JSON.stringify(entry)),
    properties: {
      TTL: entry.ttl,
      fqdn: `${entry.name}.`,
      provisioningState: 'Succeeded',
      targetResource: {},
      ...own[entry.type],
    },
  }
}

function relative(zone: Zone, { name }: Pick<Entry, 'name'>): string {
  return name === zone.name ? '@' : name.slice(0, -zone.name.length - 1)
}

function etagOf(content: string): string {
  return Buffer.from(content).toString('base64url').slice(0, 32)
}

function absent(id: string): ArmResponse {
  return armError(404, 'ResourceNotFound', `The Resource '${id}' was not found.`)
}
