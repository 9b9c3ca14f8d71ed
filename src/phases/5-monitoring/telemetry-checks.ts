import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { Cloud } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
import type { CheckId, Finding } from '../../engine/check.ts'
import { parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { infer } from '../3-applications/ask.ts'
import { operatorKey } from '../3-applications/keys-step.ts'
import { fail, pass, simulatedFinding } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { askSet, queryPrometheus, simulated } from './api.ts'
import { jaeger, victoriaLogs } from './names.ts'
import { readWorkload, type WorkloadState } from './readiness.ts'
import { telemetry, telemetryOf, workloadsOf } from './telemetry.ts'

/** Spans and lines are sent in batches, a few seconds after they were made. */
const arrivalMs = 20_000
const pollMs = 500

/** What the collectors could not deliver within the last minutes. */
const lost = [
  'send_failed_spans',
  'enqueue_failed_spans',
  'send_failed_log_records',
  'enqueue_failed_log_records',
]
  .map(name => `(sum by (job) (increase(otelcol_exporter_${name}[5m])) > 0)`)
  .join(' or ')

const traceSchema = z.looseObject({
  data: z
    .array(
      z.looseObject({
        spans: z.array(z.looseObject({ operationName: z.string() })),
        processes: z.record(z.string(), z.looseObject({ serviceName: z.string() })),
        warnings: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
})

/** A request that is made now has to be found, as a line and as a trace. */
export function telemetryChecks(config: Config, cloud: Cloud): readonly PlatformCheck[] {
  const wanted = telemetryOf(config)
  if (!wanted.logs && !wanted.traces) return []
  const again = `mlp phase 5 --cloud ${cloud.name}`
  const id = (name: string): CheckId => `5.${cloud.name}.${name}`
  const check = clusterCheck(5, cloud.name)
  return [
    check(
      'collector',
      'Logs and traces are collected, and none is lost',
      'What services print and do is forgotten with their pods.',
      [],
      async (context, client) => {
        const states = await readStates(context, client, cloud)
        const lacking = states.filter(({ done }) => !done)
        if (lacking.length > 0) {
          const lines = lacking.map(
            ({ name, ready, wanted: all, why }) =>
              `${name} ${ready}/${all}${why === undefined ? '' : `: ${why}`}`,
          )
          return fail(lines.join('\n'), [again])
        }
        const played = states.filter(state => state.simulated).map(({ name }) => name)
        if (played.length > 0) return simulatedFinding(played.join(', '))
        const failures = await queryPrometheus(client, lost)
        if (failures === simulated) return simulatedFinding('Prometheus')
        return failures.length === 0
          ? pass(
              `${states.map(({ name, ready, wanted: all }) => `${name} ${ready}/${all}`).join(', ')}; nothing lost`,
            )
          : fail(
              failures
                .map(({ metric, value }) => `${metric['job']} lost ${Math.ceil(value)} within five minutes`)
                .join('\n'),
              ['Its log says why: kubectl --namespace monitoring logs deployment/otel-collector'],
            )
      },
    ),
    ...(wanted.logs
      ? [
          check(
            'logs',
            'A line that a service writes now is found',
            'Nobody can read what happened.',
            [id('collector')],
            async (context, client) => {
              const asked = await request(client)
              if (typeof asked !== 'string') return asked
              const found = await arrival(async () => {
                const query = encodeURIComponent(`_time:15m "${asked}"`)
                const answer = await askSet(client, victoriaLogs, 9428, `/select/logsql/query?query=${query}`)
                if (answer === simulated) return simulated
                return answer.split('\n').filter(line => line !== '').length
              }, context.signal)
              if (found === simulated) return simulatedFinding('victoria-logs')
              return found > 0
                ? pass(`${found} lines of the request that was just made`)
                : fail(`no line of the request that was made ${arrivalMs / 1000} s ago`, [again])
            },
          ),
        ]
      : []),
    ...(wanted.traces
      ? [
          check(
            'traces',
            'The trace of an inference is found',
            'Nobody sees where a request spent its time.',
            [id('collector')],
            async (context, client) => {
              const asked = await request(client)
              if (typeof asked !== 'string') return asked
              const found = await arrival(() => findTrace(client, asked), context.signal)
              if (found === simulated) return simulatedFinding('jaeger')
              if (found === 0)
                return fail(`no trace of the inference that was made ${arrivalMs / 1000} s ago`, [again])
              const { spans, services, warnings } = found
              const detail = `${spans} spans of ${services.join(' and ')}`
              return warnings.length === 0
                ? pass(detail)
                : { status: 'warn', detail: `${detail}; ${warnings.join('; ')}` }
            },
          ),
        ]
      : []),
  ]
}

async function readStates(
  context: Context,
  client: KubeClient,
  cloud: Cloud,
): Promise<readonly WorkloadState[]> {
  const objects = await Promise.all(telemetry.map(each => each.objects(context, cloud.name)))
  const refs = workloadsOf(objects.flatMap(each => each ?? []))
  return await Promise.all(refs.map(ref => readWorkload(client, ref)))
}

/** One inference, under a trace id of ours: that id, or why there is none to look for. */
async function request(client: KubeClient): Promise<string | Finding> {
  const key = await operatorKey(client)
  if (key === undefined) return fail('the operator’s key is not in the cluster', ['mlp phase 3'])
  const traceId = randomBytes(16).toString('hex')
  const traceparent = `00-${traceId}-${randomBytes(8).toString('hex')}-01`
  const answered = await infer(client, key, { traceparent })
  if (answered === 'simulated') return simulatedFinding('api-gateway')
  if (answered.status === 200) return traceId
  return fail(`the gateway answers ${answered.status}: ${answered.text.slice(0, 300)}`, ['mlp verify 3'])
}

/** Until something is there, for as long as it may take to arrive; 0 where nothing came. */
async function arrival<T>(look: () => Promise<T | 0>, signal: AbortSignal): Promise<T | 0> {
  const deadline = Date.now() + arrivalMs
  for (;;) {
    const found = await look()
    if (found !== 0 || Date.now() > deadline) return found
    await delay(pollMs, undefined, { signal })
  }
}

async function findTrace(client: KubeClient, traceId: string) {
  const answer = await askSet(client, jaeger, 16686, `/api/traces/${traceId}`, [200, 404])
  if (answer === simulated) return simulated
  const parsed = traceSchema.safeParse(parseJson(answer))
  const [trace] = parsed.data?.data ?? []
  if (trace === undefined) return 0
  const services = [
    ...new Set(Object.values(trace.processes).map(({ serviceName }) => serviceName)),
  ].toSorted()
  // Each service sends its own spans when it pleases; the model's is the last.
  return services.length < 2 ? 0 : { spans: trace.spans.length, services, warnings: trace.warnings ?? [] }
}
