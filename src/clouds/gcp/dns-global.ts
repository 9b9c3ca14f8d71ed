import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import {
  type DnsZone,
  type GlobalMember,
  type GlobalName,
  type GlobalState,
  type MemberHealth,
  probe,
  type RemovedThing,
  recordTtl,
} from '../dns.ts'
import { openResolver } from '../name-servers.ts'
import { changeRecords, plain, recordSetSchema, zonePath } from './dns-records.ts'
import { ownOperation, waitForOwnOperation } from './operations.ts'
import type { GcpPlatform } from './platform.ts'

/** Three, as Cloud DNS wants it of health checks of the internet: one a continent. */
const sourceRegions = ['us-east1', 'europe-west1', 'asia-southeast1']
const operationTimeoutMs = 120_000

const healthCheckSchema = z.object({
  name: z.string(),
  description: z.string().default(''),
  type: z.string(),
  checkIntervalSec: z.number().default(0),
  unhealthyThreshold: z.number().default(0),
  sourceRegions: z.array(z.string()).default([]),
  httpsHealthCheck: z
    .object({ port: z.number().optional(), host: z.string().optional(), requestPath: z.string().optional() })
    .optional(),
})
const policySchema = z.object({
  healthCheck: z.string().default(''),
  wrr: z
    .object({
      items: z.array(
        z.object({
          weight: z.number(),
          healthCheckedTargets: z.object({ externalEndpoints: z.array(z.string()).default([]) }).prefault({}),
        }),
      ),
    })
    .optional(),
})

/*
 * The global name is a routing policy of addresses, each of the same weight for its cloud and health-checked from three
 * regions. Cloud DNS checks addresses only, so AWS' load balancer, which has a name, is looked up: a network load
 * balancer keeps its addresses. https://cloud.google.com/dns/docs/routing-policies-overview
 */

export async function globalState(
  platform: GcpPlatform,
  zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
): Promise<GlobalState> {
  const [check, set] = await Promise.all([
    readCheck(platform, signal),
    routedSet(platform, zone, wanted.name, signal),
  ])
  if (check === undefined && set === undefined) return { state: 'absent', why: 'not there yet' }
  const items = await itemsOf(platform, wanted.members)
  const problems = [
    ...(check === undefined ? [`there is no health check ${checkName(platform)}`] : []),
    ...(check === undefined || isCheckAsWanted(check, wanted)
      ? []
      : ['the health check asks something else']),
    ...(set !== undefined && isSetAsWanted(platform, set, items)
      ? []
      : [`${wanted.name} does not lead to ${items.flatMap(({ address }) => address).join(', ')}`]),
  ]
  return problems.length === 0
    ? { state: 'present', why: `a routing policy of ${items.length} addresses` }
    : { state: 'drifted', why: problems.join('\n') }
}

export async function putGlobal(
  platform: GcpPlatform,
  zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const items = await itemsOf(platform, wanted.members)
  const check = await readCheck(platform, signal)
  if (check === undefined || !isCheckAsWanted(check, wanted)) {
    report(`health check ${checkName(platform)}`)
    const body = checkOf(platform, wanted)
    await changeCheck(platform, check === undefined ? 'POST' : 'PATCH', body, signal)
  }
  const set = await routedSet(platform, zone, wanted.name, signal)
  if (set !== undefined && isSetAsWanted(platform, set, items)) return
  report(wanted.name)
  await changeRecords(
    platform,
    zone,
    {
      deletions: set === undefined ? [] : [set],
      additions: [
        {
          ...{ name: `${wanted.name}.`, type: 'A', ttl: recordTtl },
          routingPolicy: {
            healthCheck: checkLink(platform),
            wrr: {
              items: items.map(({ address, weight }) => ({
                weight,
                healthCheckedTargets: { externalEndpoints: [address] },
              })),
            },
          },
        },
      ],
    },
    signal,
  )
}

export async function removeGlobal(
  platform: GcpPlatform,
  zone: DnsZone,
  name: string,
  nameIsOurs: boolean,
  signal: AbortSignal,
): Promise<readonly RemovedThing[]> {
  const removed: RemovedThing[] = []
  const set = nameIsOurs ? await routedSet(platform, zone, name, signal) : undefined
  if (set !== undefined) {
    await changeRecords(platform, zone, { additions: [], deletions: [set] }, signal)
    removed.push({ type: 'google_dns_record_set', id: `${zone.id}/${name}/A`, name })
  }
  if ((await readCheck(platform, signal)) !== undefined) {
    await changeCheck(platform, 'DELETE', undefined, signal)
    const id = `projects/${platform.project}/global/healthChecks/${checkName(platform)}`
    removed.push({ type: 'google_compute_health_check', id, name: checkName(platform) })
  }
  return removed
}

/** Cloud DNS tells nobody how its checks of the internet's addresses end, except by what it answers, and in logs. */
export async function health({ members }: GlobalName): Promise<readonly MemberHealth[]> {
  return members.map(({ cloud }) => ({ cloud, state: 'unknown', why: 'Cloud DNS tells of no health' }))
}

interface Item {
  readonly address: string
  readonly weight: number
}

/** An address an item, as signed zones want it; together a cloud's have the weight of one. */
async function itemsOf(platform: GcpPlatform, members: readonly GlobalMember[]): Promise<readonly Item[]> {
  const resolver = openResolver(platform.options.target.environment)
  const found = await Promise.all(
    members.map(async ({ name, address: { kind, value } }) => {
      if (kind === 'ip') return [value]
      try {
        return (await resolver.resolve4(value)).sort()
      } catch (error) {
        throw new MlpError({
          code: 'MLP4085',
          summary: `${value}, the load balancer of ${name}, has no address in DNS yet`,
          detail: `${String(error)}\nCloud DNS checks the health of addresses only.`,
          remedy: ['Load balancers take some minutes to be known: run the same command again.'],
        })
      }
    }),
  )
  return found.flatMap(addresses =>
    addresses.map(address => ({ address, weight: Number((1 / addresses.length).toFixed(3)) })),
  )
}

function checkName({ platformId }: GcpPlatform): string {
  return `${platformId}-global-name`
}

function checkLink(platform: GcpPlatform): string {
  return `https://www.googleapis.com/compute/v1/projects/${platform.project}/global/healthChecks/${checkName(platform)}`
}

function checksPath({ project }: GcpPlatform): string {
  return `/compute/v1/projects/${project}/global/healthChecks`
}

/** Ours by its name, which holds the platform's id: health checks have no labels. */
async function readCheck(platform: GcpPlatform, signal: AbortSignal) {
  const path = `${checksPath(platform)}/${checkName(platform)}`
  return await platform.rest.find({ service: 'compute', path, answer: healthCheckSchema }, signal)
}

function checkOf(platform: GcpPlatform, { name }: GlobalName): object {
  return {
    name: checkName(platform),
    description: `mlp.dev/platform-id=${platform.platformId}`,
    type: 'HTTPS',
    checkIntervalSec: probe.intervalSeconds,
    timeoutSec: 10,
    healthyThreshold: 2,
    unhealthyThreshold: probe.failures,
    sourceRegions,
    httpsHealthCheck: { port: probe.port, host: name, requestPath: probe.path },
  }
}

function isCheckAsWanted(check: z.infer<typeof healthCheckSchema>, { name }: GlobalName): boolean {
  return (
    check.type === 'HTTPS' &&
    check.checkIntervalSec === probe.intervalSeconds &&
    check.unhealthyThreshold === probe.failures &&
    check.sourceRegions.toSorted().join() === sourceRegions.toSorted().join() &&
    check.httpsHealthCheck?.port === probe.port &&
    check.httpsHealthCheck.host === name &&
    check.httpsHealthCheck.requestPath === probe.path
  )
}

async function changeCheck(
  platform: GcpPlatform,
  method: 'POST' | 'PATCH' | 'DELETE',
  body: object | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { rest, project } = platform
  const path = method === 'POST' ? checksPath(platform) : `${checksPath(platform)}/${checkName(platform)}`
  const request = { method, service: 'compute', path, answer: ownOperation } as const
  const started = await rest.call({ ...request, ...(body === undefined ? {} : { body }) }, signal)
  const operations = `/compute/v1/projects/${project}/global/operations`
  await waitForOwnOperation(rest, 'compute', operations, started, operationTimeoutMs, signal)
}

async function routedSet(platform: GcpPlatform, zone: DnsZone, name: string, signal: AbortSignal) {
  const request = {
    service: 'dns',
    path: `${zonePath(platform, zone)}/rrsets`,
    query: { name: `${name}.`, type: 'A' },
  } as const
  for await (const set of platform.rest.list({ ...request, field: 'rrsets', item: recordSetSchema }, signal))
    if (plain(set.name) === name && set.routingPolicy !== undefined) return set
  return undefined
}

function isSetAsWanted(
  platform: GcpPlatform,
  { ttl, routingPolicy }: z.infer<typeof recordSetSchema>,
  items: readonly Item[],
): boolean {
  const policy = policySchema.safeParse(routingPolicy).data
  const shown = (list: readonly Item[]) =>
    list
      .map(({ address, weight }) => `${address} ${weight}`)
      .sort()
      .join()
  const standing = (policy?.wrr?.items ?? []).flatMap(({ weight, healthCheckedTargets }) =>
    healthCheckedTargets.externalEndpoints.map(address => ({ address, weight })),
  )
  return (
    ttl === recordTtl &&
    policy?.healthCheck.endsWith(`/global/healthChecks/${checkName(platform)}`) === true &&
    shown(standing) === shown(items)
  )
}
