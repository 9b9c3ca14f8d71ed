import type { CloudName } from '../../clouds/cloud.ts'
import type { MemberHealth } from '../../clouds/dns.ts'
import type { CheckId, Finding } from '../../engine/check.ts'
import { fail, orError, pass } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { openQuestions } from './dns-answers.ts'
import { gatewayPlaces, notTested, recordLines } from './dns-names.ts'
import { problemsOf } from './dns-step.ts'
import { findZone, readNames, zoneMissing } from './dns-zone.ts'

const timeoutMs = 90_000

/** Names of the platform, in the lane of the zone's cloud. */
export function dnsChecks(cloud: CloudName): readonly PlatformCheck[] {
  const id = (name: string): CheckId => `4.${cloud}.${name}`
  const again = [`mlp phase 4 --step 4.${cloud}.dns`]
  const common = { phase: 4, cloud, timeoutMs }
  return [
    {
      ...common,
      id: id('dns'),
      title: 'Names lead to the gateways',
      why: 'Clients do not find the platform.',
      run: context => orError(async () => await namesFinding(context, again)),
    },
    {
      ...common,
      id: id('failover'),
      title: 'The global name leads to healthy clouds only',
      why: 'Clients stay with a cloud that does not answer.',
      after: [id('dns')],
      run: context => orError(async () => await failoverFinding(context, again)),
    },
  ]
}

async function namesFinding(context: Context, again: readonly string[]): Promise<Finding> {
  if (context.config.dns === undefined) return await withoutZone(context)
  const open = await findZone(context)
  if (open === undefined) return noZone(context)
  const names = await readNames(context, open)
  const problems = problemsOf(context, names)
  if (names.waiting.length > 0) problems.push(`no load balancer: ${names.waiting.join(', ')}`)
  if (problems.length > 0) return fail(problems.join('\n'), again)
  const questions = await openQuestions(context, open.zone)
  const answers = await Promise.all(
    names.wanted.map(async record => ({ record, answer: await questions.ask(record) })),
  )
  const silent = answers.flatMap(({ record, answer }) =>
    typeof answer === 'string' ? [`${record.name}: ${answer}`] : [],
  )
  const wrong = answers.flatMap(({ record, answer }) =>
    typeof answer === 'string' || record.values.every(value => answer.includes(value))
      ? []
      : [`${record.name} is answered with ${answer.join(', ')}, not ${record.values.join(', ')}`],
  )
  if (wrong.length > 0) return fail(wrong.join('\n'), ['Wait a minute: mlp verify 4 --wait 2m', ...again])
  const stand = names.wanted.map(({ name, values }) => `${name} ${values.join(', ')}`).join('; ')
  if (silent.length > 0) {
    return {
      status: 'warn',
      detail: `${stand}\nin the zone, and its name servers could not be asked:\n${silent.join('\n')}`,
      remedy: ['See whether this machine reaches name servers of the internet (UDP port 53).'],
    }
  }
  return (await questions.isDelegated())
    ? pass(stand)
    : {
        status: 'warn',
        detail: `${stand}\nno resolver is led to the zone ${open.zone.name}`,
        remedy: [`Have ${open.zone.name} delegated to ${open.zone.nameServers.join(', ')}.`],
      }
}

async function failoverFinding(context: Context, again: readonly string[]): Promise<Finding> {
  if (context.config.dns === undefined) {
    return {
      status: 'warn',
      detail: notTested,
      remedy: ['It takes a DNS zone with health checks: domain and dns.zone in mlp.yaml.'],
    }
  }
  const open = await findZone(context)
  if (open === undefined) return noZone(context)
  const { service, zone } = open
  const { global } = await readNames(context, open)
  const [state, health] = await Promise.all([
    service.globalState(zone, global, context.signal),
    service.health(zone, global, context.signal),
  ])
  if (state.state !== 'present') return fail(state.why, again)
  const led = await (await openQuestions(context, zone)).askGlobal(global)
  const bad = health.filter(each => each.state === 'unhealthy')
  const unknown = health.filter(each => each.state === 'unknown')
  const lines = health.map(line).join('\n')
  if (typeof led === 'string') {
    const detail = `${lines}\n${global.name}: ${led}`
    const isUnasked = /ECONNREFUSED|ETIMEOUT|ENOTFOUND|has an address/.test(led)
    return isUnasked && bad.length === 0 ? { status: 'warn', detail } : fail(detail, again)
  }
  const detail = `${global.name} leads to ${[...led].sort().join(', ')}\n${lines}`
  const past = bad.filter(({ cloud }) => led.has(cloud))
  if (past.length > 0 && past.length < health.length) {
    return fail(`${detail}\nit leads to a cloud that is not healthy`, [
      'Wait a minute: mlp verify 4 --wait 2m',
    ])
  }
  if (bad.length > 0)
    return fail(
      detail,
      bad.map(({ cloud }) => `mlp verify 4 --cloud ${cloud}`),
    )
  return unknown.length > 0 ? { status: 'warn', detail } : pass(detail)
}

function noZone(context: Context): Finding {
  const { message, remedy } = zoneMissing(context)
  return fail(message, remedy)
}

function line({ cloud, state, why }: MemberHealth): string {
  return `${cloud} ${state}: ${why}`
}

/** Nobody can be asked for records that mlp does not make. */
async function withoutZone(context: Context): Promise<Finding> {
  const { domain } = context.config
  const places = await gatewayPlaces(context)
  if (domain === undefined) {
    const told = places.map(({ cloud, address }) => `${cloud} ${address?.value ?? 'has no address yet'}`)
    return { status: 'warn', detail: `no domain in mlp.yaml: ${told.join(', ')}` }
  }
  return {
    status: 'warn',
    detail: `no DNS zone in mlp.yaml; records to be made:\n${recordLines(domain, places).join('\n')}`,
    remedy: ['Make these records where the domain is kept, or name its zone: dns.zone in mlp.yaml.'],
  }
}
