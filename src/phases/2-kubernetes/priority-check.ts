import * as z from 'zod'
import type { Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { fail, pass } from '../findings.ts'
import type { Context } from '../phase.ts'
import { loadTemplate } from './templates.ts'

const classSchema = z.looseObject({
  value: z.number(),
  globalDefault: z.boolean().default(false),
  preemptionPolicy: z.string().default('PreemptLowerPriority'),
})

/**
 * Whether the classes stand and mean what they should; beyond that, whether somebody's default gives every other pod of
 * the cluster a place before ours.
 */
export async function priorityFinding(
  context: Pick<Context, 'templates'>,
  client: KubeClient,
  remedy: readonly string[],
): Promise<Finding> {
  const wanted = await loadTemplate(context, 'priority-classes.yaml')
  const live = await client.list({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass' })
  const problems = wanted.flatMap(object => problemOf(object, live))
  if (problems.length > 0) return fail(problems.join('\n'), remedy)
  const least = Math.min(...wanted.map(object => classSchema.parse(object).value).filter(value => value > 0))
  const above = live.filter(object => {
    const { value, globalDefault } = classSchema.parse(object)
    return globalDefault && value >= least
  })
  if (above.length === 0) return pass(wanted.map(nameOf).join(', '))
  return {
    status: 'warn',
    detail: `${above.map(nameOf).join(', ')} is the cluster’s default and not below the services: every pod without a class may take their place`,
    remedy: ['Give the default class a value below that of ml-platform-serving, or make it no default.'],
  }
}

const nameOf = ({ metadata }: KubeObject) => metadata.name

function problemOf(wanted: KubeObject, live: readonly KubeObject[]): readonly string[] {
  const found = live.find(object => nameOf(object) === nameOf(wanted))
  if (found === undefined) return [`PriorityClass ${nameOf(wanted)}: missing`]
  const [asked, is] = [classSchema.parse(wanted), classSchema.parse(found)]
  return asked.value === is.value && asked.preemptionPolicy === is.preemptionPolicy
    ? []
    : [`PriorityClass ${nameOf(wanted)}: ${is.value}, ${is.preemptionPolicy}`]
}
