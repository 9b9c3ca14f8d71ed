import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { Finding } from '../../engine/check.ts'
import { orError } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { gatewayPlaces, notTested, recordLines } from './dns-names.ts'

/** Names of the platform, in the lane of the zone's cloud. */
export function dnsChecks(_config: Config, cloud: CloudName): readonly PlatformCheck[] {
  return [
    {
      id: `4.${cloud}.dns`,
      phase: 4,
      cloud,
      title: 'Names lead to the gateways, and away from one that is down',
      why: 'Clients do not find the platform, or stay with a cloud that does not answer.',
      timeoutMs: 60_000,
      run: context => orError(async () => await withoutZone(context)),
    },
  ]
}

/** Nobody can be asked for records that mlp does not make. */
async function withoutZone(context: Context): Promise<Finding> {
  const { domain } = context.config
  const places = await gatewayPlaces(context)
  if (domain === undefined) {
    const told = places.map(({ cloud, address }) => `${cloud} ${address?.value ?? 'has no address yet'}`)
    return { status: 'warn', detail: `no domain in mlp.yaml: ${told.join(', ')}; ${notTested}` }
  }
  return {
    status: 'warn',
    detail: `no DNS zone in mlp.yaml; records to be made:\n${recordLines(domain, places).join('\n')}\n${notTested}`,
    remedy: ['Make these records where the domain is kept, or name its zone: dns.zone in mlp.yaml.'],
  }
}
