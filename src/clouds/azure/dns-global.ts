import * as z from 'zod'
import { shortHash } from '../../config/names.ts'
import {
  type DnsRecord,
  type DnsZone,
  type GlobalName,
  type GlobalState,
  type MemberHealth,
  probe,
  type RemovedThing,
  recordTtl,
} from '../dns.ts'
import { deleteRecord, putRecord, readRecord } from './dns-records.ts'
import type { AzurePlatform } from './platform.ts'

const profileApi = '2022-04-01'
const timeoutSeconds = 10

const endpointSchema = z.object({
  name: z.string(),
  properties: z.object({
    target: z.string().default(''),
    weight: z.number().optional(),
    endpointStatus: z.string().default('Enabled'),
    endpointMonitorStatus: z.string().default(''),
  }),
})
const profileSchema = z.object({
  id: z.string(),
  name: z.string(),
  tags: z.record(z.string(), z.string()).default({}),
  properties: z.object({
    trafficRoutingMethod: z.string(),
    profileStatus: z.string().default('Enabled'),
    dnsConfig: z.object({ relativeName: z.string(), fqdn: z.string(), ttl: z.number() }),
    monitorConfig: z.object({
      protocol: z.string(),
      port: z.number(),
      path: z.string().nullish(),
      intervalInSeconds: z.number(),
      toleratedNumberOfFailures: z.number(),
    }),
    endpoints: z.array(endpointSchema).default([]),
  }),
})
type Profile = z.infer<typeof profileSchema>

/*
 * The global name is a CNAME to a Traffic Manager profile, whose endpoints are each cloud's own name. Traffic Manager
 * asks each over TLS and answers with one that is healthy, or as if all were when none is.
 */

export async function globalState(
  platform: AzurePlatform,
  zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
): Promise<GlobalState> {
  const [profile, record] = await Promise.all([
    readProfile(platform, signal),
    readRecord(platform, zone, cnameAt(wanted.name), signal),
  ])
  if (profile === undefined && record === undefined) return { state: 'absent', why: 'not there yet' }
  const problems = [
    ...(profile === undefined ? [`there is no Traffic Manager profile ${profileName(platform)}`] : []),
    ...(profile === undefined || isAsWanted(profile, wanted)
      ? []
      : ['the Traffic Manager profile is another']),
    ...(record?.values[0] === profile?.properties.dnsConfig.fqdn.toLowerCase() && record?.ttl === recordTtl
      ? []
      : [`${wanted.name} does not lead to the Traffic Manager profile`]),
  ]
  return problems.length === 0
    ? { state: 'present', why: `Traffic Manager with ${wanted.members.length} endpoints` }
    : { state: 'drifted', why: problems.join('\n') }
}

export async function putGlobal(
  platform: AzurePlatform,
  zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const arm = await platform.arm()
  const present = await readProfile(platform, signal)
  if (present === undefined || !isAsWanted(present, wanted)) {
    report(`Traffic Manager profile ${profileName(platform)}`)
    await arm.put(profileId(platform), profileApi, profileOf(platform, wanted), signal)
  }
  const made = await readProfile(platform, signal)
  if (made === undefined) throw new Error('Traffic Manager has made no profile')
  const record: DnsRecord = {
    ...cnameAt(wanted.name),
    ttl: recordTtl,
    values: [made.properties.dnsConfig.fqdn.toLowerCase()],
  }
  const standing = await readRecord(platform, zone, record, signal)
  if (standing?.values[0] === record.values[0] && standing?.ttl === record.ttl) return
  report(wanted.name)
  const headers: Readonly<Record<string, string>> = standing === undefined ? { 'if-none-match': '*' } : {}
  await putRecord(platform, zone, record, signal, headers)
}

export async function removeGlobal(
  platform: AzurePlatform,
  zone: DnsZone,
  name: string,
  nameIsOurs: boolean,
  signal: AbortSignal,
): Promise<readonly RemovedThing[]> {
  const removed: RemovedThing[] = []
  const record = nameIsOurs ? await readRecord(platform, zone, cnameAt(name), signal) : undefined
  if (record !== undefined) {
    await deleteRecord(platform, zone, record, signal)
    removed.push({ type: 'azurerm_dns_cname_record', id: `${zone.id}/CNAME/${name}`, name })
  }
  const profile = await readProfile(platform, signal)
  if (profile !== undefined) {
    const arm = await platform.arm()
    await arm.delete(profile.id, profileApi, signal)
    removed.push({ type: 'azurerm_traffic_manager_profile', id: profile.id, name: profile.name })
  }
  return removed
}

export async function health(
  platform: AzurePlatform,
  wanted: GlobalName,
  signal: AbortSignal,
): Promise<readonly MemberHealth[]> {
  const profile = await readProfile(platform, signal)
  return wanted.members.map(({ cloud }): MemberHealth => {
    const told = profile?.properties.endpoints.find(({ name }) => name === cloud)?.properties
      .endpointMonitorStatus
    if (told === 'Online') return { cloud, state: 'healthy', why: told }
    return told === 'Degraded' || told === 'Stopped' || told === 'Inactive'
      ? { cloud, state: 'unhealthy', why: told }
      : { cloud, state: 'unknown', why: told || 'it is no endpoint' }
  })
}

/** Ours by its tag alone: its name is one that everybody may take. */
async function readProfile(platform: AzurePlatform, signal: AbortSignal): Promise<Profile | undefined> {
  const arm = await platform.arm()
  const found = await arm.get(profileId(platform), profileApi, profileSchema, signal)
  return found?.tags['mlp-platform-id'] === platform.options.platformId ? found : undefined
}

function profileId(platform: AzurePlatform): string {
  return `${platform.resourceGroupId}/providers/Microsoft.Network/trafficManagerProfiles/${profileName(platform)}`
}

/** Part of a name below trafficmanager.net, which all of Azure shares. */
function profileName({ options, subscriptionId }: AzurePlatform): string {
  return `${options.platformId}-${shortHash(`${options.platformId}/${subscriptionId}`, 6)}`
}

function profileOf(platform: AzurePlatform, { members }: GlobalName): object {
  return {
    location: 'global',
    tags: platform.tags(),
    properties: {
      profileStatus: 'Enabled',
      trafficRoutingMethod: 'Weighted',
      dnsConfig: { relativeName: profileName(platform), ttl: recordTtl },
      monitorConfig: {
        ...{ protocol: 'HTTPS', port: probe.port, path: probe.path },
        ...{ intervalInSeconds: probe.intervalSeconds, timeoutInSeconds: timeoutSeconds },
        toleratedNumberOfFailures: probe.failures,
      },
      endpoints: members.map(({ cloud, name }) => ({
        name: cloud,
        type: 'Microsoft.Network/trafficManagerProfiles/externalEndpoints',
        properties: { target: name, weight: 1, endpointStatus: 'Enabled' },
      })),
    },
  }
}

function isAsWanted({ properties }: Profile, { members }: GlobalName): boolean {
  const { monitorConfig: monitor, endpoints } = properties
  return (
    properties.trafficRoutingMethod === 'Weighted' &&
    properties.profileStatus === 'Enabled' &&
    properties.dnsConfig.ttl === recordTtl &&
    monitor.protocol === 'HTTPS' &&
    monitor.port === probe.port &&
    monitor.path === probe.path &&
    monitor.intervalInSeconds === probe.intervalSeconds &&
    monitor.toleratedNumberOfFailures === probe.failures &&
    endpoints.length === members.length &&
    members.every(({ cloud, name }) =>
      endpoints.some(
        ({ name: own, properties: { target, weight, endpointStatus } }) =>
          own === cloud && target === name && weight === 1 && endpointStatus === 'Enabled',
      ),
    )
  )
}

function cnameAt(name: string) {
  return { name, type: 'CNAME' }
}
