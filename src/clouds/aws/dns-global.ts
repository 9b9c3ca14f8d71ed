import type { HealthCheck, ResourceRecordSet } from '@aws-sdk/client-route-53'
import { platformIdKey } from '../../config/names.ts'
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
import { changeRecords, plainName, recordSets } from './dns-records.ts'
import { type AwsPlatform, ask, isOurs } from './platform.ts'

/** Which member a health check is for. */
const memberKey = 'mlp.dev/dns-name'
/** A page of ListTagsForResources. */
const tagsAtOnce = 10

/*
 * The global name: as many CNAME records of the same weight as there are clouds, each to that cloud's own name and each
 * with a health check. Route 53 answers with one whose check is healthy, or as if all were when none is.
 */

export async function globalState(
  platform: AwsPlatform,
  zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
): Promise<GlobalState> {
  const [checks, sets] = await Promise.all([
    ownChecks(platform, signal),
    routedSets(platform, zone, wanted.name, signal),
  ])
  if (checks.length === 0 && sets.length === 0) return { state: 'absent', why: 'not there yet' }
  const problems = [
    ...wanted.members.flatMap(member => {
      const check = checkOf(checks, member)
      if (check === undefined) return [`${member.name} has no health check`]
      if (!isAsWanted(check, member)) return [`the health check of ${member.name} asks something else`]
      const set = sets.find(each => each.SetIdentifier === member.cloud)
      return set !== undefined && isSetOf(set, member, check)
        ? []
        : [`${wanted.name} does not lead to ${member.name}`]
    }),
    ...surplusSets(sets, wanted).map(({ SetIdentifier }) => `${wanted.name} leads to ${SetIdentifier}, too`),
    ...surplusChecks(checks, wanted).map(({ Id }) => `health check ${Id} is no longer wanted`),
  ]
  return problems.length === 0
    ? { state: 'present', why: `${wanted.members.length} health-checked records` }
    : { state: 'drifted', why: problems.join('\n') }
}

export async function putGlobal(
  platform: AwsPlatform,
  zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const known = await ownChecks(platform, signal)
  const checks = new Map<GlobalMember, HealthCheck>()
  for (const member of wanted.members) {
    report(`health check of ${member.name}`)
    checks.set(member, await putCheck(platform, known, member, signal))
  }
  const sets = await routedSets(platform, zone, wanted.name, signal)
  report(wanted.name)
  await changeRecords(
    platform,
    zone,
    [
      ...surplusSets(sets, wanted).map(ResourceRecordSet => ({
        Action: 'DELETE' as const,
        ResourceRecordSet,
      })),
      ...wanted.members.flatMap(member => {
        const check = checks.get(member)
        const set = sets.find(each => each.SetIdentifier === member.cloud)
        return check === undefined || (set !== undefined && isSetOf(set, member, check))
          ? []
          : [{ Action: 'UPSERT' as const, ResourceRecordSet: setOf(wanted.name, member, check) }]
      }),
    ],
    signal,
  )
  // Last: a record that names a health check which is not there counts as healthy for ever.
  const used = new Set([...checks.values()].map(({ Id }) => Id))
  for (const check of known) if (!used.has(check.Id)) await deleteCheck(platform, check, signal)
}

export async function removeGlobal(
  platform: AwsPlatform,
  zone: DnsZone,
  name: string,
  nameIsOurs: boolean,
  signal: AbortSignal,
): Promise<readonly RemovedThing[]> {
  const [checks, sets] = await Promise.all([
    ownChecks(platform, signal),
    nameIsOurs ? routedSets(platform, zone, name, signal) : [],
  ])
  await changeRecords(
    platform,
    zone,
    sets.map(ResourceRecordSet => ({ Action: 'DELETE' as const, ResourceRecordSet })),
    signal,
  )
  for (const check of checks) await deleteCheck(platform, check, signal)
  return [
    ...sets.map(({ SetIdentifier = '' }) => ({
      type: 'aws_route53_record',
      id: `${zone.id}_${name}_CNAME_${SetIdentifier}`,
      name: `${name} (${SetIdentifier})`,
    })),
    ...checks.map(check => ({ type: 'aws_route53_health_check', id: check.Id ?? '', name: nameOf(check) })),
  ]
}

export async function health(
  platform: AwsPlatform,
  _zone: DnsZone,
  wanted: GlobalName,
  signal: AbortSignal,
): Promise<readonly MemberHealth[]> {
  const { GetHealthCheckStatusCommand } = await import('@aws-sdk/client-route-53')
  const client = await platform.clients.route53()
  const checks = await ownChecks(platform, signal)
  return await Promise.all(
    wanted.members.map(async member => {
      const { cloud } = member
      const check = checkOf(checks, member)
      if (check === undefined) return { cloud, state: 'unknown', why: 'it has no health check' }
      const answer = await ask('asking a health check', () =>
        client.send(new GetHealthCheckStatusCommand({ HealthCheckId: check.Id }), { abortSignal: signal }),
      )
      const told = (answer.HealthCheckObservations ?? []).map(
        ({ StatusReport }) => StatusReport?.Status ?? '',
      )
      if (told.length === 0) return { cloud, state: 'unknown', why: 'no checker has asked yet' }
      const good = told.filter(status => status.startsWith('Success'))
      // https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
      const isHealthy = good.length / told.length > 0.18
      const bad = told.find(status => !status.startsWith('Success')) ?? ''
      return {
        cloud,
        state: isHealthy ? 'healthy' : 'unhealthy',
        why: isHealthy ? `${good.length} of ${told.length} checkers reach it` : bad,
      }
    }),
  )
}

/** The platform's health checks, by their tags; a Route 53 without any is asked once. */
export async function ownChecks(platform: AwsPlatform, signal: AbortSignal): Promise<readonly HealthCheck[]> {
  const { ListHealthChecksCommand, ListTagsForResourcesCommand } = await import('@aws-sdk/client-route-53')
  const client = await platform.clients.route53()
  const all: HealthCheck[] = []
  let Marker: string | undefined
  do {
    const page = await ask('listing health checks', () =>
      client.send(new ListHealthChecksCommand(Marker === undefined ? {} : { Marker }), {
        abortSignal: signal,
      }),
    )
    all.push(...(page.HealthChecks ?? []))
    Marker = page.IsTruncated === true ? page.NextMarker : undefined
  } while (Marker !== undefined)
  const own: HealthCheck[] = []
  for (let from = 0; from < all.length; from += tagsAtOnce) {
    const some = all.slice(from, from + tagsAtOnce)
    const answer = await ask('reading the tags of health checks', () =>
      client.send(
        new ListTagsForResourcesCommand({
          ResourceType: 'healthcheck',
          ResourceIds: some.map(({ Id = '' }) => Id),
        }),
        { abortSignal: signal },
      ),
    )
    for (const check of some) {
      const tags = answer.ResourceTagSets?.find(({ ResourceId }) => ResourceId === check.Id)?.Tags
      // Made and not yet tagged when a run was killed: known by what it was made with.
      const isMade = check.CallerReference?.startsWith(`${platform.platformId}-`) === true
      if (isOurs(platform, tags) || isMade) own.push(check)
    }
  }
  return own
}

export function nameOf({ HealthCheckConfig, Id }: HealthCheck): string {
  return HealthCheckConfig?.FullyQualifiedDomainName ?? Id ?? ''
}

async function putCheck(
  platform: AwsPlatform,
  known: readonly HealthCheck[],
  member: GlobalMember,
  signal: AbortSignal,
): Promise<HealthCheck> {
  const { ChangeTagsForResourceCommand, CreateHealthCheckCommand } = await import('@aws-sdk/client-route-53')
  const client = await platform.clients.route53()
  const present = checkOf(known, member)
  const check =
    present !== undefined && isAsWanted(present, member)
      ? present
      : (
          await ask(`making the health check of ${member.name}`, () =>
            client.send(
              new CreateHealthCheckCommand({
                // Never the same again, also after a check of the same name was deleted.
                CallerReference: `${platform.platformId}-${member.cloud}-${Date.now()}`,
                HealthCheckConfig: {
                  Type: 'HTTPS',
                  // The load balancer is looked for anew each time, wherever the name leads.
                  FullyQualifiedDomainName: member.name,
                  Port: probe.port,
                  ResourcePath: probe.path,
                  RequestInterval: probe.intervalSeconds,
                  FailureThreshold: probe.failures,
                  EnableSNI: true,
                },
              }),
              { abortSignal: signal },
            ),
          )
        ).HealthCheck
  if (check?.Id === undefined) throw new Error('Route 53 made a health check without an id')
  const { Id } = check
  await ask(`tagging the health check of ${member.name}`, () =>
    client.send(
      new ChangeTagsForResourceCommand({
        ResourceType: 'healthcheck',
        ResourceId: Id,
        AddTags: [
          { Key: platformIdKey.aws, Value: platform.platformId },
          { Key: memberKey, Value: member.name },
          { Key: 'Name', Value: member.name },
          { Key: 'project', Value: platform.config.project },
          { Key: 'environment', Value: platform.config.environment },
          { Key: 'owner', Value: platform.config.owner },
        ],
      }),
      { abortSignal: signal },
    ),
  )
  return check
}

async function deleteCheck(platform: AwsPlatform, check: HealthCheck, signal: AbortSignal): Promise<void> {
  const { DeleteHealthCheckCommand } = await import('@aws-sdk/client-route-53')
  const client = await platform.clients.route53()
  await ask(`removing the health check of ${nameOf(check)}`, () =>
    client.send(new DeleteHealthCheckCommand({ HealthCheckId: check.Id }), { abortSignal: signal }),
  )
}

async function routedSets(
  platform: AwsPlatform,
  zone: DnsZone,
  name: string,
  signal: AbortSignal,
): Promise<readonly ResourceRecordSet[]> {
  const sets = await recordSets(platform, zone, name, signal)
  return sets.filter(set => plainName(set.Name) === name && set.SetIdentifier !== undefined)
}

function checkOf(checks: readonly HealthCheck[], { name }: GlobalMember): HealthCheck | undefined {
  return checks.find(check => nameOf(check) === name)
}

function isAsWanted({ HealthCheckConfig: config }: HealthCheck, { name }: GlobalMember): boolean {
  return (
    config?.Type === 'HTTPS' &&
    config.FullyQualifiedDomainName === name &&
    config.Port === probe.port &&
    config.ResourcePath === probe.path &&
    config.RequestInterval === probe.intervalSeconds &&
    config.FailureThreshold === probe.failures &&
    config.EnableSNI === true &&
    config.Disabled !== true &&
    config.Inverted !== true
  )
}

function setOf(name: string, member: GlobalMember, { Id }: HealthCheck): ResourceRecordSet {
  return {
    Name: name,
    Type: 'CNAME',
    TTL: recordTtl,
    SetIdentifier: member.cloud,
    Weight: 1,
    HealthCheckId: Id,
    ResourceRecords: [{ Value: member.name }],
  }
}

function isSetOf(set: ResourceRecordSet, member: GlobalMember, { Id }: HealthCheck): boolean {
  return (
    set.Type === 'CNAME' &&
    set.TTL === recordTtl &&
    set.Weight === 1 &&
    set.HealthCheckId === Id &&
    set.ResourceRecords?.length === 1 &&
    plainName(set.ResourceRecords[0]?.Value) === member.name
  )
}

function surplusSets(
  sets: readonly ResourceRecordSet[],
  { members }: GlobalName,
): readonly ResourceRecordSet[] {
  return sets.filter(({ SetIdentifier }) => !members.some(({ cloud }) => cloud === SetIdentifier))
}

function surplusChecks(checks: readonly HealthCheck[], { members }: GlobalName): readonly HealthCheck[] {
  return checks.filter(check => !members.some(({ name }) => name === nameOf(check)))
}
