import { CloudError } from '../../../behaviour.ts'
import type { Entry, Zone } from '../../../dns/dns-store.ts'
import type { XmlElement } from '../../../http/xml.ts'
import { XmlList, type XmlValue } from './answer.ts'

/** Names as Route 53 orders them: by their labels from the end. */
export function sortKey(name: string): string {
  return name.split('.').reverse().join('.')
}

/** A record set of a request, with values as the name server answers them. */
export function entryOf(zone: Zone, element: XmlElement): Entry {
  const value = (name: string) => element.children.find(child => child.name === name)?.text
  const name = (value('Name') ?? '').replace(/\.$/, '').toLowerCase()
  const type = value('Type') ?? ''
  if (name !== zone.name && !name.endsWith(`.${zone.name}`))
    throw new CloudError(
      'InvalidChangeBatch',
      `[RRSet with DNS name ${name}. is not permitted in zone ${zone.name}.]`,
      400,
    )
  if (!['A', 'AAAA', 'CNAME', 'TXT', 'NS', 'SOA', 'MX', 'CAA'].includes(type))
    throw new CloudError('InvalidInput', `the sandbox has no records of the type ${type}`, 400)
  const records = element.children
    .filter(child => child.name === 'ResourceRecords')
    .flatMap(({ children }) => children)
    .map(record => record.children.find(child => child.name === 'Value')?.text ?? '')
  if (records.length === 0) throw new CloudError('InvalidInput', 'the sandbox has no alias records', 400)
  if (type === 'TXT' && records.some(text => !/^".{0,255}"$/.test(text)))
    throw new CloudError('InvalidChangeBatch', '[Invalid Resource Record: TXT values are in quotes]', 400)
  const set = value('SetIdentifier') ?? ''
  if (set !== '' && value('Weight') === undefined)
    throw new CloudError('InvalidInput', 'the sandbox has weighted records only', 400)
  const health = value('HealthCheckId')
  return {
    ...{ cloud: 'aws', zone: zone.id, name, type, set, ttl: Number(value('TTL') ?? 300) },
    choices: [
      {
        weight: Number(value('Weight') ?? 1),
        values: records.map(text => plain(type, text)),
        ...(health === undefined ? {} : { health }),
      },
    ],
    shown: { values: records },
  }
}

export function xmlOfEntry({ name, type, set, ttl, choices, shown }: Entry): XmlValue {
  const [choice] = choices
  const values = Array.isArray(shown['values']) ? shown['values'].map(String) : (choice?.values ?? [])
  return {
    ...{ Name: `${name.replace('*', '\\052')}.`, Type: type },
    ...(set === '' ? {} : { SetIdentifier: set, Weight: choice?.weight }),
    TTL: ttl,
    ResourceRecords: new XmlList(
      'ResourceRecord',
      values.map(Value => ({ Value })),
    ),
    ...(choice?.health === undefined ? {} : { HealthCheckId: choice.health }),
  }
}

export function existingSet(entries: readonly Entry[], wanted: Entry): Entry | undefined {
  return entries.find(
    ({ name, type, set }) => name === wanted.name && type === wanted.type && set === wanted.set,
  )
}

/** What is to be deleted has to be named as it stands. */
export function requireSet(existing: Entry | undefined, named: Entry): void {
  const about = `[name='${named.name}.', type='${named.type}'${named.set === '' ? '' : `, set identifier='${named.set}'`}]`
  if (existing === undefined)
    throw new CloudError(
      'InvalidChangeBatch',
      `[Tried to delete resource record set ${about} but it was not found]`,
      400,
    )
  const told = ({ ttl, choices }: Entry) => JSON.stringify([ttl, choices])
  if (told(existing) !== told(named))
    throw new CloudError(
      'InvalidChangeBatch',
      `[Tried to delete resource record set ${about} but the values provided do not match the current values]`,
      400,
    )
}

function plain(type: string, text: string): string {
  if (type === 'TXT') return text.slice(1, -1)
  return type === 'CNAME' ? text.replace(/\.$/, '').toLowerCase() : text
}
