import { CloudError } from '../../../behaviour.ts'
import { dnsStore, type Entry, healthIdOf, type Zone } from '../../../dns/dns-store.ts'
import { isObject, object, text, texts } from '../attributes.ts'
import { now, requireProject, stableNumber } from '../google.ts'
import type { Call, Route } from './routing.ts'
import { notFound } from './routing.ts'

/*
 * Cloud DNS: public zones, record sets, and routing policies of health-checked addresses.
 * https://cloud.google.com/dns/docs/reference/rest/v1
 */

const zones = '/dns/v1/projects/{project}/managedZones'
const recordTypes = ['A', 'AAAA', 'CNAME', 'TXT', 'NS', 'SOA', 'MX', 'CAA']

export const dnsRoutes: readonly Route[] = [
  { method: 'POST', path: zones, run: createZone },
  {
    method: 'GET',
    path: zones,
    run(call) {
      requireProject(call.params['project'] ?? '', call.world)
      const asked = call.query.get('dnsName')
      const all = dnsStore(call.world.store).zones('gcp')
      return {
        kind: 'dns#managedZonesListResponse',
        managedZones: all.filter(({ name }) => asked === null || `${name}.` === asked).map(shownZone),
      }
    },
  },
  { method: 'GET', path: `${zones}/{zone}`, run: call => shownZone(zoneOf(call)) },
  {
    method: 'DELETE',
    path: `${zones}/{zone}`,
    run(call) {
      const zone = zoneOf(call)
      const store = dnsStore(call.world.store)
      const entries = store.entries(zone)
      if (entries.some(({ name, type }) => name !== zone.name || (type !== 'NS' && type !== 'SOA')))
        throw new CloudError(
          'containerNotEmpty',
          `The resource named '${zone.id}' cannot be deleted because it contains one or more 'resource records'.`,
          400,
        )
      for (const entry of entries) store.deleteEntry(entry)
      store.deleteZone(zone)
      return undefined
    },
  },
  {
    method: 'GET',
    path: `${zones}/{zone}/rrsets`,
    run(call) {
      const [name, type] = [call.query.get('name'), call.query.get('type')]
      const entries = dnsStore(call.world.store)
        .entries(zoneOf(call))
        .filter(
          entry => (name === null || `${entry.name}.` === name) && (type === null || entry.type === type),
        )
      return { kind: 'dns#resourceRecordSetsListResponse', rrsets: entries.map(({ shown }) => shown) }
    },
  },
  { method: 'POST', path: `${zones}/{zone}/changes`, run: change },
]

function createZone(call: Call): object {
  const { world, body } = call
  requireProject(call.params['project'] ?? '', world)
  const store = dnsStore(world.store)
  const id = text(body, 'name') ?? ''
  const dnsName = text(body, 'dnsName') ?? ''
  if (!/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(id) || !/^([a-z0-9_-]{1,63}\.){2,}$/.test(dnsName))
    throw new CloudError('invalid', `Invalid value for 'entity.managedZone': '${id}' '${dnsName}'`, 400)
  if (store.zone('gcp', id) !== undefined)
    throw new CloudError(
      'alreadyExists',
      `The resource 'entity.managedZone' named '${id}' already exists`,
      409,
    )
  const name = dnsName.slice(0, -1)
  const isPrivate = text(body, 'visibility') === 'private'
  const nameServers = ['a1', 'a2', 'a3', 'a4'].map(server => `ns-cloud-${server}.googledomains.com`)
  const shown = { description: text(body, 'description') ?? '', creationTime: now() }
  const zone: Zone = { cloud: 'gcp', id, name, isPrivate, nameServers, shown }
  store.putZone(zone)
  const own = { kind: 'dns#resourceRecordSet', name: dnsName }
  const soa = `${nameServers[0]}. cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300`
  store.putEntry(
    entryOf(zone, { ...own, type: 'NS', ttl: 21_600, rrdatas: nameServers.map(each => `${each}.`) }),
  )
  store.putEntry(entryOf(zone, { ...own, type: 'SOA', ttl: 21_600, rrdatas: [soa] }))
  return shownZone(zone)
}

function shownZone({ id, name, isPrivate, nameServers, shown }: Zone): object {
  return {
    kind: 'dns#managedZone',
    ...{ id: stableNumber(id, 19), name: id, dnsName: `${name}.` },
    ...shown,
    visibility: isPrivate ? 'private' : 'public',
    nameServers: nameServers.map(server => `${server}.`),
  }
}

function zoneOf({ world, params }: Call): Zone {
  requireProject(params['project'] ?? '', world)
  const zone = dnsStore(world.store).zone('gcp', params['zone'] ?? '')
  if (zone === undefined) throw notFound(`The 'parameters.managedZone' resource named '${params['zone']}'`)
  return zone
}

/** All of it or nothing. What is deleted has to be named as it stands. */
function change(call: Call): object {
  const { world, body } = call
  const zone = zoneOf(call)
  const store = dnsStore(world.store)
  const before = store.entries(zone)
  let entries = [...before]
  const sets = (name: string) => {
    const list = body[name]
    return Array.isArray(list) ? list.filter(isObject).map(set => entryOf(zone, set)) : []
  }
  const [additions, deletions] = [sets('additions'), sets('deletions')]
  if (additions.length + deletions.length === 0)
    throw new CloudError('required', "The 'entity.change' parameter is required but was missing.", 400)
  const same = (left: Entry, right: Entry) => left.name === right.name && left.type === right.type
  for (const deletion of deletions) {
    const standing = entries.find(entry => same(entry, deletion))
    if (standing === undefined)
      throw notFound(`The 'entity.change.deletions[0]' resource named '${deletion.name}. (${deletion.type})'`)
    if (JSON.stringify([standing.ttl, standing.choices]) !== JSON.stringify([deletion.ttl, deletion.choices]))
      throw new CloudError('conditionNotMet', `Precondition not met for 'entity.change.deletions[0]'`, 412)
    entries = entries.filter(entry => entry !== standing)
  }
  for (const addition of additions) {
    if (entries.some(entry => same(entry, addition)))
      throw new CloudError(
        'alreadyExists',
        `The resource 'entity.change.additions[0]' named '${addition.name}. (${addition.type})' already exists`,
        409,
      )
    const others = entries.filter(({ name }) => name === addition.name)
    if (others.some(({ type }) => (type === 'CNAME') !== (addition.type === 'CNAME')))
      throw new CloudError(
        'cnameResourceRecordSetConflict',
        `The resource record set 'entity.change.additions[0]' is invalid because the DNS name '${addition.name}.' has one resource record set of the type 'CNAME'.`,
        400,
      )
    entries.push(addition)
  }
  for (const entry of before) if (!entries.includes(entry)) store.deleteEntry(entry)
  for (const entry of entries) if (!before.includes(entry)) store.putEntry(entry)
  return {
    kind: 'dns#change',
    ...{ id: String(Date.now()), status: 'done', startTime: now(), isServing: true },
    additions: additions.map(({ shown }) => shown),
    deletions: deletions.map(({ shown }) => shown),
  }
}

function entryOf(zone: Zone, set: { [key: string]: unknown }): Entry {
  const name = (text(set, 'name') ?? '').replace(/\.$/, '').toLowerCase()
  const type = text(set, 'type') ?? ''
  if (!recordTypes.includes(type) || (name !== zone.name && !name.endsWith(`.${zone.name}`)))
    throw new CloudError('invalid', `Invalid value for 'entity.change.additions[0].name': '${name}'`, 400)
  const plain = (value: string) =>
    type === 'TXT'
      ? value.replace(/^"|"$/g, '')
      : type === 'CNAME'
        ? value.replace(/\.$/, '').toLowerCase()
        : value
  const policy = isObject(set['routingPolicy']) ? set['routingPolicy'] : undefined
  const ttl = Number(set['ttl'] ?? 0)
  return {
    ...{ cloud: 'gcp', zone: zone.id, name, type, set: '', ttl },
    choices:
      policy === undefined
        ? [{ weight: 1, values: texts(set, 'rrdatas').map(plain) }]
        : choicesOf(policy, type),
    shown: {
      ...{ kind: 'dns#resourceRecordSet', name: `${name}.`, type, ttl },
      ...(policy === undefined ? { rrdatas: texts(set, 'rrdatas') } : { routingPolicy: policy }),
    },
  }
}

/** Addresses of the internet, each with its own health, by one Compute health check for the whole policy. */
function choicesOf(policy: { [key: string]: unknown }, type: string): Entry['choices'] {
  const check = (text(policy, 'healthCheck') ?? '').split('/').at(-1) ?? ''
  const list = object(policy, 'wrr')['items']
  if (!Array.isArray(list) || (type !== 'A' && type !== 'AAAA'))
    throw new CloudError('invalid', 'the sandbox has weighted policies of addresses only', 400)
  return list.filter(isObject).flatMap(item => {
    const targets = texts(object(item, 'healthCheckedTargets'), 'externalEndpoints')
    if (targets.length > 0 && check === '')
      throw new CloudError('invalid', "Invalid value for 'routingPolicy.healthCheck': ''", 400)
    const weight = Number(item['weight'] ?? 0)
    return [
      ...targets.map(value => ({ weight, values: [value], health: healthIdOf(check, value) })),
      ...(texts(item, 'rrdatas').length > 0 ? [{ weight, values: [...texts(item, 'rrdatas')] }] : []),
    ]
  })
}
