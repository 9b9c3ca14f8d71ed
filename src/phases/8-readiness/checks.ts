import * as z from 'zod'
import type { Cloud, CloudName } from '../../clouds/cloud.ts'
import type { Finding } from '../../engine/check.ts'
import type { KubeClient } from '../../kube/client.ts'
import { conditionsOf } from '../../kube/conditions.ts'
import { describeRef, refOf } from '../../kube/objects.ts'
import { amountOf } from '../../kube/quantity.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import type { Declaration } from '../2-kubernetes/declarations.ts'
import { deviationOf } from '../2-kubernetes/deviation.ts'
import { fail, orError, pass } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { auditAccess } from './access-audit.ts'
import { declarations } from './declarations.ts'
import { isExpected } from './expected-access.ts'
import { notEnforced } from './pod-security-step.ts'

const fullShare = 0.9
const simulatedKey = 'mlp.dev/simulated'

/** What is missing where one is missing, and what is asked beyond that its objects stand: whether they have an effect. */
const aspects: Readonly<
  Record<
    string,
    { readonly why: string; readonly effect?: (client: KubeClient) => Promise<Finding | undefined> }
  >
> = {
  'network-policies': {
    why: 'Any pod may speak to any other, and to the whole internet.',
    effect: enforcedFinding,
  },
  quotas: {
    why: 'A mistake in one namespace takes the whole cluster, or buys nodes without end.',
    effect: roomFinding,
  },
  roles: { why: 'People work with more rights than they need, or with none.' },
  autoscalers: {
    why: 'Load that grows is answered by nobody, and load that shrinks goes on costing.',
    effect: scalingFinding,
  },
}

/** Issue: each thing of readiness has a check that fails when it is taken away by hand. */
export function readinessChecks(its: Cloud): readonly PlatformCheck[] {
  const cloud = its.name
  const again = `mlp phase 8 --cloud ${cloud}`
  const check = clusterCheck(8, cloud)
  return [
    ...declarations.map(declaration => {
      const { why = '', effect } = aspects[declaration.name] ?? {}
      return check(declaration.name, declaration.title, why, [], async (context, client) => {
        const stands = await declaredFinding(context, client, cloud, declaration, again)
        return stands.status === 'pass' ? ((await effect?.(client)) ?? stands) : stands
      })
    }),
    check(
      'pod-security',
      'Pod Security level restricted is enforced',
      'A pod may run as root, or take the node’s files.',
      [],
      async (_context, client) => {
        const open = await notEnforced(client)
        return open.length === 0
          ? pass('ml-platform, ml-serving')
          : fail(`not enforced in ${open.join(', ')}`, [again])
      },
    ),
    {
      id: `8.${cloud}.budget`,
      phase: 8,
      cloud,
      title: 'Budget with alerts',
      why: 'A mistake that costs money is seen on the bill, weeks later.',
      run: context => orError(() => its.budget(context.signal)),
    },
    check(
      'access-audit',
      'Who can read Secrets, run commands in pods, or escalate',
      'Rights that nobody meant to give open more than they seem to.',
      [],
      async (_context, client) => {
        const powerful = await auditAccess(client)
        const unexpected = powerful.filter(each => !isExpected(each))
        const line = ({ subject, power, where, by }: (typeof powerful)[number]) =>
          `${subject} can ${power} (${where.join(', ')}; ${by.join(', ')})`
        if (unexpected.length === 0)
          return pass(`${powerful.length} subjects, all known:\n${powerful.map(line).join('\n')}`)
        return {
          status: 'warn',
          detail: `not of the cluster, the mesh, monitoring or this platform:\n${unexpected.map(line).join('\n')}`,
          remedy: [
            'Take the right away where nobody needs it: kubectl delete the binding.',
            'mlp verify 8 --json lists all of them.',
          ],
        }
      },
    ),
  ]
}

async function declaredFinding(
  context: Context,
  client: KubeClient,
  cloud: CloudName,
  declaration: Declaration,
  again: string,
): Promise<Finding> {
  const declared = (await declaration.objects(context, cloud)) ?? []
  const objects = (await declaration.adjust?.(client, declared)) ?? declared
  const deviations = await Promise.all(
    objects.map(object => deviationOf(context, client, declaration.name, object)),
  )
  const problems = deviations.filter(deviation => deviation !== undefined)
  return problems.length === 0 ? pass(`${objects.length} objects`) : fail(problems.join('\n'), [again])
}

async function enforcedFinding(client: KubeClient): Promise<Finding | undefined> {
  const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' })
  const played = nodes.filter(node => node.metadata.annotations?.[simulatedKey] === 'true')
  return played.length === 0
    ? undefined
    : { status: 'warn', detail: 'the objects stand; simulated: on these nodes nobody enforces them' }
}

async function scalingFinding(client: KubeClient): Promise<Finding | undefined> {
  const scalers = await client.list({ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' })
  const blind = scalers.flatMap(scaler => {
    const active = conditionsOf(scaler).find(({ type }) => type === 'ScalingActive')
    if (active?.status === 'True' || active?.reason === 'ScalingDisabled') return []
    const why = active === undefined ? 'not looked at yet' : `${active.reason}: ${active.message}`
    return [{ name: describeRef(refOf(scaler)), why }]
  })
  if (blind.length === 0) return undefined
  const metrics = await client.get({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    name: 'v1beta1.metrics.k8s.io',
  })
  return metrics === undefined
    ? {
        status: 'warn',
        detail: `no pod’s load is known, since the cluster has no metrics API: ${blind.map(({ name }) => name).join(', ')}`,
        remedy: ['Until it has one, the services keep their least number of pods.'],
      }
    : {
        status: 'warn',
        detail: blind.map(({ name, why }) => `${name}: ${why}`).join('\n'),
        remedy: ['Wait a moment: mlp verify 8 --wait 2m'],
      }
}

const quotaSchema = z.looseObject({
  status: z
    .looseObject({
      hard: z.record(z.string(), z.string()).default({}),
      used: z.record(z.string(), z.string()).default({}),
    })
    .prefault({}),
})

/** A namespace that is nearly full refuses its next rollout. */
async function roomFinding(client: KubeClient): Promise<Finding | undefined> {
  const quotas = await client.list({ apiVersion: 'v1', kind: 'ResourceQuota' })
  const full = quotas.flatMap(quota => {
    const { hard, used } = quotaSchema.parse(quota).status
    return Object.entries(hard).flatMap(([resource, limit]) => {
      const most = amountOf(limit)
      const taken = amountOf(used[resource] ?? '0')
      return most > 0 && taken / most > fullShare
        ? [`${describeRef(refOf(quota))}: ${resource} ${used[resource]} of ${limit}`]
        : []
    })
  })
  return full.length === 0
    ? undefined
    : {
        status: 'warn',
        detail: full.join('\n'),
        remedy: ['Give the cluster more nodes (nodes.max in mlp.yaml), or ask for less.'],
      }
}
