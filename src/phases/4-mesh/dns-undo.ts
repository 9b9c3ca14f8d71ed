import type { DnsRecord } from '../../clouds/dns.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Leftover } from '../../engine/events.ts'
import type { Progress, Undone } from '../../engine/step.ts'
import type { Context } from '../phase.ts'
import { dnsCloud } from './dns-names.ts'
import { findZone, leadingAt, markedNames, markOf, type OpenZone, standingMember } from './dns-zone.ts'

/**
 * Before any load balancer goes: the global name first, then each cloud's own, each with its mark. What was adopted
 * stays. A run of some clouds takes only those out, and the global name goes on leading to the others.
 */
export async function undoDns(context: Context, progress: Progress): Promise<Undone> {
  const open = await findZone(context)
  if (open === undefined) return { removed: [], kept: [], left: [] }
  const { service, zone, domain } = open
  const found = await service.records(zone, domain, context.signal)
  const staying = stayingMembers(context, open, found)
  const marked = markedNames(found, context.platformId)
  const removed: Leftover[] = []
  const kept: Leftover[] = []
  const row = (type: string, id: string, name: string, reason: string): Leftover => ({
    ...{ cloud: dnsCloud(context.config), type, id, name, reason },
  })
  if (staying.length > 0) {
    progress.report(`${domain} goes on without ${[...context.clouds.keys()].join(', ')}`)
    await service.putGlobal(zone, { name: domain, members: staying }, context.signal, message =>
      progress.report(message),
    )
    kept.push(row('dns_record', domain, domain, 'it leads to the clouds that stay'))
  } else {
    progress.report(domain)
    const gone = await service.removeGlobal(zone, domain, marked.includes(domain), context.signal)
    removed.push(...gone.map(({ type, id, name }) => row(type, id, name, 'made by mlp')))
  }
  const stayingNames = new Set([...staying.map(({ name }) => name), ...(staying.length > 0 ? [domain] : [])])
  const remove: DnsRecord[] = []
  for (const name of marked.filter(each => !stayingNames.has(each))) {
    const mark = markOf(found, name, context.platformId)
    if (mark === undefined) continue
    // What is behind the global name went with it.
    const records = name === domain ? [] : leadingAt(found, name)
    if (mark.isAdopted) {
      kept.push(
        ...records.map(({ type }) => row('dns_record', `${name} ${type}`, name, 'it was there before mlp')),
      )
    } else {
      remove.push(...records)
      removed.push(...records.map(({ type }) => row('dns_record', `${name} ${type}`, name, 'made by mlp')))
    }
    remove.push(mark.record)
    removed.push(row('dns_record', `${mark.record.name} TXT`, mark.record.name, 'made by mlp'))
  }
  if (remove.length > 0) await service.change(zone, { create: [], replace: [], remove }, context.signal)
  return { removed, kept, left: [] }
}

/** Configured clouds outside of this run, as their records stand. */
function stayingMembers(context: Context, { domain }: OpenZone, found: readonly DnsRecord[]) {
  return configuredClouds(context.config)
    .filter(cloud => !context.clouds.has(cloud))
    .map(cloud => standingMember(context, found, cloud, domain))
    .filter(member => member !== undefined)
}
