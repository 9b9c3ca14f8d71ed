import type { CloudName } from '../../clouds/cloud.ts'
import type { DnsRecord, GatewayAddress } from '../../clouds/dns.ts'
import { recordTtl } from '../../clouds/dns.ts'
import { configuredClouds, homeCloud } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import type { Context } from '../phase.ts'
import { gatewayAddress, gatewayService } from './gateway-address.ts'

/** A look at a cluster for a line of text, not a wait. */
const patienceMs = 3_000

/** In whose lane names are made and asked: the zone's cloud, or the first one where there is no zone. */
export function dnsCloud(config: Config): CloudName {
  return config.dns?.cloud ?? homeCloud(config)
}

/** `aws.ml.example.com`: leads to one cloud whether it is healthy or not. */
export function cloudHost(domain: string, cloud: CloudName): string {
  return `${cloud}.${domain}`
}

export function recordOf(name: string, address: GatewayAddress): DnsRecord {
  return { name, type: address.kind === 'ip' ? 'A' : 'CNAME', ttl: recordTtl, values: [address.value] }
}

interface GatewayPlace {
  readonly cloud: CloudName
  /** Undefined while there is none, or where this run does not look. */
  readonly address: GatewayAddress | undefined
}

/** Every configured cloud with where its gateway is; clusters that are not there, or not in this run, have none. */
export async function gatewayPlaces(context: Context): Promise<readonly GatewayPlace[]> {
  return await Promise.all(
    configuredClouds(context.config).map(async cloud => ({
      cloud,
      address: await addressIn(context, cloud),
    })),
  )
}

async function addressIn(context: Context, cloud: CloudName): Promise<GatewayAddress | undefined> {
  if (!context.clouds.has(cloud)) return undefined
  try {
    const client = await requireCluster(context, cloud, patienceMs)
    return gatewayAddress(await client.get(gatewayService))
  } catch (error) {
    if (error instanceof MlpError) return undefined
    throw error
  }
}

/** What to write into a DNS that mlp was given no zone of: a name, a type and a value a line. */
export function recordLines(domain: string, places: readonly GatewayPlace[]): readonly string[] {
  const rows = [
    ...places.map(({ cloud, address }) => {
      const name = cloudHost(domain, cloud)
      if (address === undefined) return [name, 'A', '(its load balancer has no address yet)'] as const
      const { type, values } = recordOf(name, address)
      return [name, type, values.join()] as const
    }),
    [domain, 'CNAME', places.map(({ cloud }) => cloudHost(domain, cloud)).join(' or ')] as const,
  ]
  const wide = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, type, value]) => `${name.padEnd(wide)}  ${type.padEnd(5)}  ${value}`)
}

export const notTested = 'failover between clouds: not tested'
