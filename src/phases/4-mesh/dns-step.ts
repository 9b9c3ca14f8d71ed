import type { DnsChange, DnsRecord } from '../../clouds/dns.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import type { PlannedAction, Progress, Status, StepId } from '../../engine/step.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { cloudHost, dnsCloud } from './dns-names.ts'
import { undoDns } from './dns-undo.ts'
import {
  findZone,
  foreignName,
  foreignNames,
  isSame,
  leadingAt,
  markName,
  markOf,
  markRecord,
  type NamesState,
  type OpenZone,
  readNames,
  refuseDomainOutside,
  surplusNames,
  zoneMissing,
} from './dns-zone.ts'
import { waitForGatewayAddress } from './gateway-address.ts'

/**
 * The platform's names in the operator's zone: one for each cloud, and one that leads to whichever are healthy. Load
 * balancers are made by the clusters, so that none of terraform's roots could know their addresses.
 */
export function dnsStep(config: Config): PlatformStep {
  const cloud = dnsCloud(config)
  const id: StepId = `4.${cloud}.dns`
  return {
    id,
    cloud,
    title: 'Names in the DNS zone, with health checks',
    needs: configuredClouds(config).map(each => `4.${each}.gateway` as const),
    inputs: context => ({
      domain: context.config.domain ?? null,
      zone: context.config.dns?.zone ?? null,
      clouds: [...configuredClouds(context.config)],
    }),
    async status(context): Promise<Status> {
      try {
        const open = await findZone(context)
        if (open === undefined) return { state: 'absent', why: 'there is no such zone' }
        return await statusIn(context, open)
      } catch (error) {
        if (error instanceof MlpError) return { state: 'unknown', why: error.message }
        throw error
      }
    },
    plan: context => plan(context, id),
    apply: (context, progress) => apply(context, progress),
    undo: undoDns,
  }
}

async function statusIn(context: Context, open: OpenZone): Promise<Status> {
  const names = await readNames(context, open)
  const problems = problemsOf(context, names)
  const global = await open.service.globalState(open.zone, names.global, context.signal)
  const isAbsent = global.state === 'absent' && names.found.length === 0
  if (isAbsent) return { state: 'absent' }
  if (names.waiting.length > 0) {
    return { state: 'partial', why: `no load balancer has an address yet: ${names.waiting.join(', ')}` }
  }
  if (global.state !== 'present') problems.push(global.why)
  return problems.length > 0
    ? { state: 'drifted', why: problems.join('\n') }
    : { state: 'present', outputs: outputsOf(open, names) }
}

export function problemsOf(context: Context, names: NamesState): string[] {
  const { found, wanted, global } = names
  return [
    ...wanted
      .filter(record => !isStanding(context, found, record))
      .map(({ name, type, values }) => `${name} is not ${type} ${values.join(' ')}`),
    ...(markOf(found, global.name, context.platformId) === undefined
      ? [`${global.name} does not carry this platform’s mark`]
      : []),
    ...surplusNames(context, names).map(name => `${name} is no longer wanted`),
  ]
}

function isStanding({ platformId }: Context, found: readonly DnsRecord[], record: DnsRecord): boolean {
  const standing = leadingAt(found, record.name)
  const [only] = standing
  return (
    standing.length === 1 &&
    only !== undefined &&
    isSame(only, record) &&
    markOf(found, record.name, platformId) !== undefined
  )
}

async function plan(context: Context, id: StepId): Promise<readonly PlannedAction[]> {
  const cloud = dnsCloud(context.config)
  const action = (subject: string, what: PlannedAction['action'], why: string): PlannedAction => ({
    ...{ step: id, cloud, subject, action: what, why },
    ...{ destroysData: false, seconds: 60, monthlyCost: null },
  })
  const open = await findZone(context)
  if (open === undefined) throw zoneMissing(context)
  const { service, zone, domain } = open
  refuseDomainOutside(zone, domain)
  const names = await readNames(context, open)
  const cloudNames = configuredClouds(context.config).map(each => cloudHost(domain, each))
  const foreign = foreignNames(names.found, [...cloudNames, domain], context.platformId)
  const global = await service.globalState(zone, names.global, context.signal)
  const inZone = `in the zone ${zone.name}`
  return [
    ...cloudNames.flatMap(name => {
      const record = names.wanted.find(each => each.name === name)
      const standing = leadingAt(names.found, name)
      if (foreign.includes(name)) return [action(name, 'change', 'somebody else’s: only with --adopt')]
      if (record !== undefined && isStanding(context, names.found, record)) return []
      return standing.length === 0
        ? [action(name, 'create', record === undefined ? 'when its load balancer is there' : inZone)]
        : [
            action(
              name,
              'change',
              record === undefined ? inZone : `${record.type} ${record.values.join(' ')}`,
            ),
          ]
    }),
    ...(global.state === 'present' && !foreign.includes(domain)
      ? []
      : [
          action(
            domain,
            global.state === 'absent' ? 'create' : 'change',
            `${inZone}, by health checks that its cloud bills`,
          ),
        ]),
    ...surplusNames(context, names).map(name => action(name, 'destroy', 'no longer wanted')),
  ]
}

async function apply(context: Context, progress: Progress) {
  const open = await findZone(context)
  if (open === undefined) throw zoneMissing(context)
  const { service, zone, domain } = open
  refuseDomainOutside(zone, domain)
  let names = await readNames(context, open)
  if (names.waiting.length > 0) {
    await Promise.all(
      names.waiting.map(async cloud => {
        progress.report(`the load balancer of ${cloud} gets its address`)
        await waitForGatewayAddress(await requireCluster(context, cloud))
      }),
    )
    names = await readNames(context, open)
  }
  if (names.waiting.length > 0 || names.global.members.length === 0) throw noGateway(names.waiting)
  const change = await changeOf(context, open, names)
  progress.report(`${names.wanted.length} names below ${domain}`)
  await service.change(zone, change, context.signal)
  await service.putGlobal(zone, names.global, context.signal, message => progress.report(message))
  await removeSurplus(context, open, names)
  return outputsOf(open, names)
}

/** Marks and records of single clouds, and the mark of the global name. */
async function changeOf(context: Context, { zone }: OpenZone, names: NamesState): Promise<DnsChange> {
  const { found, wanted, global } = names
  const { platformId } = context
  const foreign = foreignNames(found, [...wanted.map(({ name }) => name), global.name], platformId)
  const adopted = new Set<string>()
  if (foreign.length > 0) {
    const isOne = (name: string) =>
      name !== global.name &&
      leadingAt(found, name).length === 1 &&
      !leadingAt(found, name)[0]?.isRouted &&
      !found.some(each => each.name === markName(name))
    const agreed =
      foreign.every(isOne) &&
      (await context.consent.approve({
        id: 'adopt-dns-record',
        message: `${foreign.join(', ')} in the zone ${zone.name} is not mlp’s. Take it over?`,
        details: ['mlp leads it to this platform’s load balancer; teardown leaves it.'],
        safe: false,
        flag: '--adopt',
      }))
    if (!agreed) throw foreignName(zone, foreign, found)
    for (const name of foreign) adopted.add(name)
  }
  const create: DnsRecord[] = []
  const replace: { from: DnsRecord; to: DnsRecord }[] = []
  for (const name of [...wanted.map(record => record.name), global.name]) {
    if (markOf(found, name, platformId) === undefined)
      create.push(markRecord(name, platformId, adopted.has(name)))
  }
  const remove: DnsRecord[] = []
  for (const record of wanted) {
    const [standing, ...more] = leadingAt(found, record.name)
    remove.push(...more)
    if (standing === undefined) create.push(record)
    else if (!isSame(standing, record)) replace.push({ from: standing, to: record })
  }
  return { create, replace, remove }
}

/** Of clouds that are configured no longer; the global name leads there no more by now. */
async function removeSurplus(
  context: Context,
  { service, zone }: OpenZone,
  names: NamesState,
): Promise<void> {
  const remove = surplusNames(context, names).flatMap(name => {
    const mark = markOf(names.found, name, context.platformId)
    const records = mark?.isAdopted === true ? [] : leadingAt(names.found, name)
    return [...records, ...(mark === undefined ? [] : [mark.record])]
  })
  if (remove.length > 0) await service.change(zone, { create: [], replace: [], remove }, context.signal)
}

function outputsOf({ zone, domain }: OpenZone, { wanted }: NamesState) {
  return { zone: zone.name, global: domain, names: wanted.map(({ name }) => name) }
}

function noGateway(waiting: readonly string[]): MlpError {
  return new MlpError({
    code: 'MLP4084',
    summary: `No name can be made: ${waiting.length === 0 ? 'there is no gateway' : `the load balancer of ${waiting.join(', ')} has no address`}`,
    detail: 'A record leads to the address of the cluster’s ingress gateway.',
    remedy: [
      'kubectl -n istio-system describe service istio-ingressgateway: its events say what the cloud lacks.',
      'Then run the same command again.',
    ],
  })
}
