import type { Resolver } from 'node:dns/promises'
import type { CloudName } from '../../clouds/cloud.ts'
import type { DnsRecord, DnsZone, GlobalMember, GlobalName } from '../../clouds/dns.ts'
import { openResolver, openZoneResolver } from '../../clouds/name-servers.ts'
import type { Context } from '../phase.ts'
import { dnsCloud } from './dns-names.ts'

/** Answers by weight come by chance: so often that a cloud which is led to is hardly ever missed. */
const questions = 24

export interface NameQuestions {
  /** What the zone's own name servers answer; undefined when they do not. */
  ask(record: DnsRecord): Promise<readonly string[] | string>
  /** To which clouds the global name leads, of many answers; a text when nobody answers. */
  askGlobal(global: GlobalName): Promise<ReadonlySet<CloudName> | string>
  /** Whether the rest of the world is led to this zone. */
  isDelegated(): Promise<boolean>
}

/** Real questions to real name servers: the zone's own, past every cache. */
export async function openQuestions(context: Context, zone: DnsZone): Promise<NameQuestions> {
  const environment = context.target.clouds[dnsCloud(context.config)]?.environment ?? {}
  const usual = openResolver(environment)
  const own = await openZoneResolver(zone.nameServers, environment)
  return {
    async ask({ name, type }) {
      try {
        return type === 'CNAME' ? lower(await own.resolveCname(name)) : await own.resolve4(name)
      } catch (error) {
        return said(error)
      }
    },
    async askGlobal({ name, members }) {
      const clouds = new Set<CloudName>()
      try {
        for (let count = 0; count < questions; count++) {
          const cloud = await whereTo(name, members, own, usual)
          if (cloud === undefined) return `${name} leads to none of the clouds`
          clouds.add(cloud)
        }
      } catch (error) {
        return said(error)
      }
      return clouds
    },
    async isDelegated() {
      const servers = await usual.resolveNs(zone.name).catch(() => [])
      const plain = (server: string) => server.toLowerCase().replace(/\.$/, '')
      return servers.some(server => zone.nameServers.map(plain).includes(plain(server)))
    },
  }
}

/** One answer: a CNAME to a cloud's own name, to a profile that leads there, or an address of one. */
async function whereTo(
  name: string,
  members: readonly GlobalMember[],
  own: Resolver,
  usual: Resolver,
): Promise<CloudName | undefined> {
  const byName = (names: readonly string[]) => members.find(member => names.includes(member.name))?.cloud
  const first = lower(await own.resolveCname(name).catch(() => []))
  const direct = byName(first)
  if (direct !== undefined) return direct
  if (first[0] !== undefined) return byName(lower(await usual.resolveCname(first[0])))
  const [address] = await own.resolve4(name)
  for (const member of members) {
    const { kind, value } = member.address
    const addresses = kind === 'ip' ? [value] : await usual.resolve4(value).catch(() => [])
    if (address !== undefined && addresses.includes(address)) return member.cloud
  }
  return undefined
}

function lower(names: readonly string[]): readonly string[] {
  return names.map(name => name.toLowerCase().replace(/\.$/, ''))
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
