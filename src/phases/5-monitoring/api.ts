import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { newestPods } from '../../kube/revisions.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { alertmanager, grafana, monitoringNamespace, operator, prometheus } from './names.ts'
import { podsOf } from './readiness.ts'

/** Nobody runs in that pod: a simulator only says that it is ready. */
export const simulated = 'simulated'
type OrSimulated<T> = T | typeof simulated

const envelope = <T extends z.ZodType>(data: T) => z.looseObject({ status: z.literal('success'), data })
const targetsSchema = envelope(
  z.looseObject({
    activeTargets: z.array(
      z.looseObject({
        scrapePool: z.string(),
        scrapeUrl: z.string(),
        health: z.string(),
        lastError: z.string().default(''),
        labels: z.record(z.string(), z.string()).default({}),
      }),
    ),
  }),
)
const rulesSchema = envelope(
  z.looseObject({
    groups: z.array(
      z.looseObject({
        name: z.string(),
        rules: z.array(
          z.looseObject({
            name: z.string(),
            type: z.string(),
            health: z.string(),
            lastError: z.string().default(''),
            state: z.string().default(''),
          }),
        ),
      }),
    ),
  }),
)
const poolsSchema = envelope(z.looseObject({ scrapePools: z.array(z.string()) }))
const alertsSchema = z.array(z.looseObject({ labels: z.record(z.string(), z.string()) }))
const dashboardsSchema = z.array(z.looseObject({ uid: z.string() }))

type Target = z.output<typeof targetsSchema>['data']['activeTargets'][number]
type RuleGroup = z.output<typeof rulesSchema>['data']['groups'][number]

export async function readTargets(client: KubeClient): Promise<OrSimulated<readonly Target[]>> {
  const answer = await askSet(client, prometheus, 9090, '/api/v1/targets?state=active')
  return answer === simulated ? simulated : understood(targetsSchema, 'Prometheus', answer).data.activeTargets
}

/** What Prometheus has been told to look at, whether or not it has found anything there. */
export async function readScrapePools(client: KubeClient): Promise<OrSimulated<readonly string[]>> {
  const answer = await askSet(client, prometheus, 9090, '/api/v1/scrape_pools')
  return answer === simulated ? simulated : understood(poolsSchema, 'Prometheus', answer).data.scrapePools
}

export async function readRules(client: KubeClient): Promise<OrSimulated<readonly RuleGroup[]>> {
  const answer = await askSet(client, prometheus, 9090, '/api/v1/rules')
  return answer === simulated ? simulated : understood(rulesSchema, 'Prometheus', answer).data.groups
}

/** The names of the alerts that have arrived at Alertmanager. */
export async function readAlerts(client: KubeClient): Promise<OrSimulated<readonly string[]>> {
  const answer = await askSet(client, alertmanager, 9093, '/api/v2/alerts')
  if (answer === simulated) return simulated
  return understood(alertsSchema, 'Alertmanager', answer).map(({ labels }) => labels['alertname'] ?? '')
}

export async function readDashboardUids(
  client: KubeClient,
  password: string,
): Promise<OrSimulated<readonly string[]>> {
  const deployment = await client.get(grafana)
  if (deployment === undefined) throw isNotThere(grafana)
  const pods = await newestPods(client, deployment)
  if (rolloutState(deployment, pods).simulated) return simulated
  const authorization = `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`
  const to = { namespace: monitoringNamespace, pod: pods[0]?.metadata.name ?? grafana.name, port: 3000 }
  const answer = await client.askPod(to, {
    path: '/api/search?tag=mlp&limit=100',
    headers: { authorization },
  })
  return understood(dashboardsSchema, 'Grafana', ok('Grafana', answer)).map(({ uid }) => uid)
}

const vectorSchema = envelope(
  z.looseObject({
    result: z.array(
      z.looseObject({
        metric: z.record(z.string(), z.string()),
        value: z.tuple([z.number(), z.coerce.number()]),
      }),
    ),
  }),
)

/** What an expression is now. */
export async function queryPrometheus(
  client: KubeClient,
  expression: string,
): Promise<
  OrSimulated<readonly { readonly metric: Readonly<Record<string, string>>; readonly value: number }[]>
> {
  const path = `/api/v1/query?query=${encodeURIComponent(expression)}`
  const answer = await askSet(client, prometheus, 9090, path)
  if (answer === simulated) return simulated
  return understood(vectorSchema, 'Prometheus', answer).data.result.map(({ metric, value }) => ({
    metric,
    value: value[1],
  }))
}

/** The answer of the first pod of a StatefulSet. */
export async function askSet(
  client: KubeClient,
  ref: ObjectRef,
  port: number,
  path: string,
  accepted: readonly number[] = [200],
): Promise<OrSimulated<string>> {
  const set = await client.get(ref)
  if (set === undefined) {
    if (await isOperatorPlayed(client)) return simulated
    throw isNotThere(ref)
  }
  const pods = await podsOf(client, set)
  if (rolloutState(set, pods).simulated) return simulated
  const pod = pods[0]?.metadata.name ?? `${ref.name}-0`
  return ok(ref.name, await client.askPod({ namespace: monitoringNamespace, pod, port }, { path }), accepted)
}

async function isOperatorPlayed(client: KubeClient): Promise<boolean> {
  const deployment = await client.get(operator)
  if (deployment === undefined) return false
  return rolloutState(deployment, await newestPods(client, deployment)).simulated
}

function ok(
  who: string,
  { status, text }: { readonly status: number; readonly text: string },
  accepted: readonly number[] = [200],
): string {
  if (accepted.includes(status)) return text
  throw noAnswer(`${who} answers ${status}`, text.slice(0, 300))
}

function understood<T>(schema: z.ZodType<T>, who: string, text: string): T {
  const parsed = schema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw noAnswer(`${who} gave an answer that was not understood`, z.prettifyError(parsed.error))
}

function isNotThere({ kind, name }: ObjectRef): MlpError {
  return noAnswer(`${kind} ${name} is not there`, 'Nobody can be asked.')
}

function noAnswer(summary: string, detail: string): MlpError {
  return new MlpError({ code: 'MLP4063', summary, detail, remedy: ['mlp phase 5'] })
}
