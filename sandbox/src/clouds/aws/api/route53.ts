import { randomBytes, randomUUID } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import { type Check, dnsStore, type Entry, type Zone } from '../../../dns/dns-store.ts'
import { parseXml, type XmlElement } from '../../../http/xml.ts'
import type { World } from '../../../world.ts'
import { type Answer, type ApiScope, toXml, XmlList, type XmlValue, xmlAnswer } from './answer.ts'
import { requireRight } from './rights.ts'
import { entryOf, existingSet, requireSet, sortKey, xmlOfEntry } from './route53-records.ts'

/*
 * Route 53, as far as mlp and a person who makes a zone for it ask. Source of operations, shapes and errors:
 * https://docs.aws.amazon.com/Route53/latest/APIReference/
 */

const version = '/2013-04-01'
const tagFacts = 'route53-tags'
const nameServers = [
  'ns-512.awsdns-00.net',
  'ns-1024.awsdns-00.org',
  'ns-1536.awsdns-00.co.uk',
  'ns-0.awsdns-00.com',
]
const pageSize = 300
const ttlOfZone = 172_800

interface Call {
  readonly world: World
  readonly body: XmlElement | undefined
  readonly query: URLSearchParams
  readonly ids: readonly string[]
}
type Reply = { readonly status?: number; readonly name: string; readonly value: XmlValue }

const routes: readonly {
  readonly method: string
  readonly path: RegExp
  readonly action: string
  run(call: Call): Reply
}[] = [
  { method: 'POST', path: /^\/hostedzone$/, action: 'CreateHostedZone', run: createZone },
  { method: 'GET', path: /^\/hostedzone$/, action: 'ListHostedZones', run: listZones },
  { method: 'GET', path: /^\/hostedzonesbyname$/, action: 'ListHostedZonesByName', run: listZonesByName },
  { method: 'GET', path: /^\/hostedzone\/([^/]+)$/, action: 'GetHostedZone', run: getZone },
  { method: 'DELETE', path: /^\/hostedzone\/([^/]+)$/, action: 'DeleteHostedZone', run: deleteZone },
  {
    method: 'GET',
    path: /^\/hostedzone\/([^/]+)\/rrset$/,
    action: 'ListResourceRecordSets',
    run: listRecords,
  },
  {
    method: 'POST',
    path: /^\/hostedzone\/([^/]+)\/rrset$/,
    action: 'ChangeResourceRecordSets',
    run: changeRecords,
  },
  {
    method: 'GET',
    path: /^\/change\/([^/]+)$/,
    action: 'GetChange',
    run: ({ ids: [id = ''] }) => ({ name: 'GetChangeResponse', value: { ChangeInfo: changeInfo(id) } }),
  },
  { method: 'POST', path: /^\/healthcheck$/, action: 'CreateHealthCheck', run: createCheck },
  { method: 'GET', path: /^\/healthcheck$/, action: 'ListHealthChecks', run: listChecks },
  { method: 'GET', path: /^\/healthcheck\/([^/]+)$/, action: 'GetHealthCheck', run: getCheck },
  { method: 'DELETE', path: /^\/healthcheck\/([^/]+)$/, action: 'DeleteHealthCheck', run: deleteCheck },
  {
    method: 'GET',
    path: /^\/healthcheck\/([^/]+)\/status$/,
    action: 'GetHealthCheckStatus',
    run: checkStatus,
  },
  { method: 'POST', path: /^\/tags\/([^/]+)$/, action: 'ListTagsForResources', run: listTags },
  { method: 'POST', path: /^\/tags\/([^/]+)\/([^/]+)$/, action: 'ChangeTagsForResource', run: changeTags },
]

export function route53Answer(method: string, target: string, body: string, scope: ApiScope): Answer {
  const [path = '/', query = ''] = target.split('?')
  const below = decodeURIComponent(path).replace(/\/$/, '')
  for (const route of routes) {
    const found = below.startsWith(version) ? route.path.exec(below.slice(version.length)) : null
    if (found === null || route.method !== method) continue
    requireRight(`route53:${route.action}`, '*', scope)
    const {
      status = 200,
      name,
      value,
    } = route.run({
      world: scope.world,
      body: body.trim() === '' ? undefined : parseXml(body),
      query: new URLSearchParams(query),
      ids: found.slice(1),
    })
    return xmlAnswer(toXml(name, value), status)
  }
  throw new CloudError('UnknownOperationException', `the sandbox does not answer ${method} ${path}`, 404)
}

function childrenOf(element: XmlElement | undefined, ...path: readonly string[]): readonly XmlElement[] {
  const [name, ...rest] = path
  if (element === undefined || name === undefined) return []
  const found = element.children.filter(child => child.name === name)
  return rest.length === 0 ? found : found.flatMap(child => childrenOf(child, ...rest))
}

function textAt(element: XmlElement | undefined, ...path: readonly string[]): string | undefined {
  return childrenOf(element, ...path)[0]?.text
}

function xmlOfZone(world: World, zone: Zone): XmlValue {
  return {
    Id: `/hostedzone/${zone.id}`,
    Name: `${zone.name}.`,
    CallerReference: String(zone.shown['callerReference']),
    Config: { PrivateZone: zone.isPrivate },
    ResourceRecordSetCount: dnsStore(world.store).entries(zone).length,
  }
}

function delegation(zone: Zone): XmlValue {
  return { NameServers: new XmlList('NameServer', zone.nameServers) }
}

function createZone({ world, body }: Call): Reply {
  const store = dnsStore(world.store)
  const name = (textAt(body, 'Name') ?? '').replace(/\.$/, '').toLowerCase()
  const callerReference = textAt(body, 'CallerReference') ?? ''
  if (!/^([a-z0-9_-]{1,63}\.)+[a-z0-9-]{2,63}$/.test(name))
    throw new CloudError('InvalidDomainName', `${name} is not a valid domain name`, 400)
  if (store.zones('aws').some(zone => zone.shown['callerReference'] === callerReference))
    throw new CloudError(
      'HostedZoneAlreadyExists',
      `A hosted zone has already been created with the specified caller reference.`,
      409,
    )
  const isPrivate = textAt(body, 'HostedZoneConfig', 'PrivateZone') === 'true'
  const zone: Zone = {
    ...{ cloud: 'aws', name, isPrivate, nameServers: isPrivate ? [] : nameServers },
    id: `Z${randomBytes(10).toString('hex').toUpperCase()}`,
    shown: { callerReference },
  }
  store.putZone(zone)
  const own = { cloud: zone.cloud, zone: zone.id, name, set: '', shown: {} }
  store.putEntry({
    ...own,
    type: 'NS',
    ttl: ttlOfZone,
    choices: [{ weight: 1, values: nameServers.map(each => `${each}.`) }],
  })
  const soa = `${nameServers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400`
  store.putEntry({ ...own, type: 'SOA', ttl: 900, choices: [{ weight: 1, values: [soa] }] })
  return {
    ...{ status: 201, name: 'CreateHostedZoneResponse' },
    value: {
      HostedZone: xmlOfZone(world, zone),
      ChangeInfo: changeInfo(newChange()),
      DelegationSet: delegation(zone),
    },
  }
}

function listZones({ world }: Call): Reply {
  const zones = dnsStore(world.store).zones('aws')
  return {
    name: 'ListHostedZonesResponse',
    value: {
      HostedZones: new XmlList(
        'HostedZone',
        zones.map(zone => xmlOfZone(world, zone)),
      ),
      ...{ Marker: '', IsTruncated: false, MaxItems: 100 },
    },
  }
}

function listZonesByName({ world, query }: Call): Reply {
  const from = (query.get('dnsname') ?? '').replace(/\.$/, '').toLowerCase()
  const zones = dnsStore(world.store)
    .zones('aws')
    .filter(zone => sortKey(zone.name) >= sortKey(from))
    .sort((left, right) => (sortKey(left.name) < sortKey(right.name) ? -1 : 1))
  return {
    name: 'ListHostedZonesByNameResponse',
    value: {
      HostedZones: new XmlList(
        'HostedZone',
        zones.map(zone => xmlOfZone(world, zone)),
      ),
      ...(from === '' ? {} : { DNSName: `${from}.` }),
      ...{ IsTruncated: false, MaxItems: 100 },
    },
  }
}

function getZone(call: Call): Reply {
  const zone = zoneOf(call)
  return {
    name: 'GetHostedZoneResponse',
    value: { HostedZone: xmlOfZone(call.world, zone), DelegationSet: delegation(zone) },
  }
}

function zoneOf({ world, ids: [id = ''] }: Call): Zone {
  const zone = dnsStore(world.store).zone('aws', id)
  if (zone === undefined) throw new CloudError('NoSuchHostedZone', `No hosted zone found with ID: ${id}`, 404)
  return zone
}

function deleteZone(call: Call): Reply {
  const zone = zoneOf(call)
  const store = dnsStore(call.world.store)
  const entries = store.entries(zone)
  if (entries.some(({ name, type }) => name !== zone.name || (type !== 'NS' && type !== 'SOA')))
    throw new CloudError(
      'HostedZoneNotEmpty',
      'The specified hosted zone contains non-required resource record sets and so cannot be deleted.',
      400,
    )
  for (const entry of entries) store.deleteEntry(entry)
  store.deleteZone(zone)
  return { name: 'DeleteHostedZoneResponse', value: { ChangeInfo: changeInfo(newChange()) } }
}

function listRecords(call: Call): Reply {
  const zone = zoneOf(call)
  const from = (call.query.get('name') ?? '').replace(/\.$/, '').toLowerCase()
  const start = [sortKey(from), call.query.get('type') ?? '', call.query.get('identifier') ?? ''].join('\0')
  const key = ({ name, type, set }: Entry) => [sortKey(name), type, set].join('\0')
  const after = dnsStore(call.world.store)
    .entries(zone)
    .filter(entry => from === '' || key(entry) >= start)
    .sort((left, right) => (key(left) < key(right) ? -1 : 1))
  const next = after[pageSize]
  return {
    name: 'ListResourceRecordSetsResponse',
    value: {
      ResourceRecordSets: new XmlList('ResourceRecordSet', after.slice(0, pageSize).map(xmlOfEntry)),
      IsTruncated: next !== undefined,
      ...(next === undefined
        ? {}
        : {
            NextRecordName: `${next.name}.`,
            NextRecordType: next.type,
            NextRecordIdentifier: next.set || undefined,
          }),
      MaxItems: pageSize,
    },
  }
}

/** All of a batch or nothing: every change is judged on what those before it leave. */
function changeRecords(call: Call): Reply {
  const { world, body } = call
  const zone = zoneOf(call)
  const store = dnsStore(world.store)
  const before = store.entries(zone)
  let entries = [...before]
  const changes = childrenOf(body, 'ChangeBatch', 'Changes', 'Change')
  if (changes.length === 0) throw new CloudError('InvalidInput', 'a batch has at least one change', 400)
  for (const change of changes) {
    const action = textAt(change, 'Action') ?? ''
    const [element] = childrenOf(change, 'ResourceRecordSet')
    if (element === undefined) throw new CloudError('InvalidInput', 'a change names a record set', 400)
    const entry = entryOf(zone, element)
    const existing = existingSet(entries, entry)
    if (action === 'DELETE') {
      requireSet(existing, entry)
      entries = entries.filter(each => each !== existing)
      continue
    }
    if (action === 'CREATE' && existing !== undefined)
      throw invalidBatch(
        `Tried to create resource record set [name='${entry.name}.', type='${entry.type}'] but it already exists`,
      )
    const [{ health } = { health: undefined }] = entry.choices
    if (health !== undefined && !store.checks('aws').some(({ id }) => id === health))
      throw new CloudError(
        'NoSuchHealthCheck',
        `No health check exists with the specified ID: ${health}`,
        404,
      )
    entries = [...entries.filter(each => each !== existing), entry]
    refuseConflicts(zone, entries, entry)
  }
  for (const entry of before) if (!entries.includes(entry)) store.deleteEntry(entry)
  for (const entry of entries) if (!before.includes(entry)) store.putEntry(entry)
  return { name: 'ChangeResourceRecordSetsResponse', value: { ChangeInfo: changeInfo(newChange()) } }
}

function refuseConflicts(zone: Zone, entries: readonly Entry[], { name, type, set }: Entry): void {
  const others = entries.filter(each => each.name === name && !(each.type === type && each.set === set))
  const place = `with DNS name ${name}. is not permitted`
  if (name === zone.name && type === 'CNAME')
    throw invalidBatch(`RRSet of type CNAME ${place} at apex in zone ${zone.name}.`)
  if (others.some(each => (each.type === 'CNAME') !== (type === 'CNAME')))
    throw invalidBatch(
      `RRSet of type ${type} ${place} as it conflicts with other records with the same DNS name in zone ${zone.name}.`,
    )
  if (others.some(each => each.type === type && (each.set === '') !== (set === '')))
    throw invalidBatch(
      `RRSet ${place} because an RRSet with the same name and type exists with another routing policy`,
    )
}

function invalidBatch(message: string): CloudError {
  return new CloudError('InvalidChangeBatch', `[${message}]`, 400)
}

const newChange = () => `C${randomBytes(10).toString('hex').toUpperCase()}`

function changeInfo(id: string): XmlValue {
  return { Id: `/change/${id}`, Status: 'INSYNC', SubmittedAt: new Date().toISOString() }
}

function createCheck({ world, body }: Call): Reply {
  const store = dnsStore(world.store)
  const callerReference = textAt(body, 'CallerReference') ?? ''
  const [config] = childrenOf(body, 'HealthCheckConfig')
  const value = (name: string) => textAt(config, name)
  if (store.checks('aws').some(({ shown }) => shown['callerReference'] === callerReference))
    throw new CloudError(
      'HealthCheckAlreadyExists',
      'A health check with the same caller reference exists.',
      409,
    )
  if (value('Type') !== 'HTTPS')
    throw new CloudError('InvalidInput', 'the sandbox has health checks of the type HTTPS only', 400)
  if (!['10', '30'].includes(value('RequestInterval') ?? '30'))
    throw new CloudError('InvalidInput', 'RequestInterval has to be 10 or 30', 400)
  const host = value('FullyQualifiedDomainName')
  const check: Check = {
    ...{
      cloud: 'aws',
      id: randomUUID(),
      port: Number(value('Port') ?? 443),
      path: value('ResourcePath') ?? '/',
    },
    target: value('IPAddress') ?? host,
    host,
    intervalSeconds: Number(value('RequestInterval') ?? 30),
    failures: Number(value('FailureThreshold') ?? 3),
    shown: { callerReference, enableSni: value('EnableSNI') !== 'false' },
  }
  if (check.target === undefined)
    throw new CloudError('InvalidInput', 'an IP address or a domain name is needed', 400)
  store.putCheck(check)
  return { status: 201, name: 'CreateHealthCheckResponse', value: { HealthCheck: xmlOfCheck(check) } }
}

function xmlOfCheck({ id, port, path, host, target, intervalSeconds, failures, shown }: Check): XmlValue {
  return {
    Id: id,
    CallerReference: String(shown['callerReference']),
    HealthCheckConfig: {
      ...(target === host ? {} : { IPAddress: target }),
      Port: port,
      ...{ Type: 'HTTPS', ResourcePath: path, FullyQualifiedDomainName: host },
      ...{ RequestInterval: intervalSeconds, FailureThreshold: failures, MeasureLatency: false },
      ...{ Inverted: false, Disabled: false, EnableSNI: shown['enableSni'] === true },
    },
    HealthCheckVersion: 1,
  }
}

function listChecks({ world }: Call): Reply {
  return {
    name: 'ListHealthChecksResponse',
    value: {
      HealthChecks: new XmlList('HealthCheck', dnsStore(world.store).checks('aws').map(xmlOfCheck)),
      ...{ Marker: '', IsTruncated: false, MaxItems: 1000 },
    },
  }
}

function checkNamed({ world, ids: [id = ''] }: Call): Check {
  const check = dnsStore(world.store)
    .checks('aws')
    .find(each => each.id === id)
  if (check === undefined)
    throw new CloudError('NoSuchHealthCheck', `No health check exists with the specified ID: ${id}`, 404)
  return check
}

function getCheck(call: Call): Reply {
  return { name: 'GetHealthCheckResponse', value: { HealthCheck: xmlOfCheck(checkNamed(call)) } }
}

function deleteCheck(call: Call): Reply {
  const check = checkNamed(call)
  dnsStore(call.world.store).deleteCheck(check)
  call.world.store.deleteFact(tagFacts, `healthcheck/${check.id}`)
  return { name: 'DeleteHealthCheckResponse', value: {} }
}

/** One checker for each of Route 53's own regions: here they all look from the same place. */
function checkStatus(call: Call): Reply {
  const health = dnsStore(call.world.store).health(checkNamed(call).id)
  const observations =
    health === undefined
      ? []
      : ['us-east-1', 'eu-west-1', 'ap-southeast-1'].map(Region => ({
          ...{ Region, IPAddress: '15.177.2.1' },
          StatusReport: { Status: health.why, CheckedTime: health.at },
        }))
  return {
    name: 'GetHealthCheckStatusResponse',
    value: { HealthCheckObservations: new XmlList('HealthCheckObservation', observations) },
  }
}

function listTags({ world, body, ids: [type = ''] }: Call): Reply {
  const ids = childrenOf(body, 'ResourceIds', 'ResourceId').map(({ text }) => text)
  if (ids.length === 0 || ids.length > 10) throw new CloudError('InvalidInput', 'from 1 to 10 resources', 400)
  return {
    name: 'ListTagsForResourcesResponse',
    value: {
      ResourceTagSets: new XmlList(
        'ResourceTagSet',
        ids.map(id => ({
          ...{ ResourceType: type, ResourceId: id },
          Tags: new XmlList(
            'Tag',
            Object.entries(tagsOf(world, type, id)).map(([Key, Value]) => ({ Key, Value })),
          ),
        })),
      ),
    },
  }
}

function changeTags({ world, body, ids: [type = '', id = ''] }: Call): Reply {
  const removed = new Set(childrenOf(body, 'RemoveTagKeys', 'Key').map(({ text }) => text))
  const added = childrenOf(body, 'AddTags', 'Tag').map(tag => [
    textAt(tag, 'Key') ?? '',
    textAt(tag, 'Value') ?? '',
  ])
  const kept = Object.entries(tagsOf(world, type, id)).filter(([key]) => !removed.has(key))
  world.store.putFact(tagFacts, `${type}/${id}`, Object.fromEntries([...kept, ...added]))
  return { name: 'ChangeTagsForResourceResponse', value: {} }
}

function tagsOf(world: World, type: string, id: string): Readonly<Record<string, string>> {
  const tags = world.store.getFact(tagFacts, `${type}/${id}`)
  return typeof tags === 'object' && tags !== null
    ? Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, String(value)]))
    : {}
}
