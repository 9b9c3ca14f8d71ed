import { setTimeout as delay } from 'node:timers/promises'
import { simulated as played, queryPrometheus } from '../5-monitoring/api.ts'
import { irisOutcome } from './answers.ts'
import type { CloudBench } from './bench.ts'
import { withGateway } from './gateway-door.ts'
import { ask } from './http.ts'
import { failed, passed, simulated } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'
import { inference, irisQuestion } from './samples.ts'

/** Prometheus asks every 15 s; where it has no processor, later. */
const patienceMs = 150_000
const pollMs = 2_000
const query =
  'sum by (pod) (http_server_request_duration_seconds_count{job="api-gateway",http_route=~".*/infer"})'

export const metricsTests: readonly ValidationTest<CloudBench>[] = [
  {
    name: 'metrics',
    title: 'What was asked is seen in Prometheus',
    after: ['inference'],
    deadlineMs: patienceMs + 60_000,
    async run({ context, client, cloud, key, report }, signal) {
      const before = await inPrometheus(client)
      if (before === played) return simulated('nothing runs in Prometheus’ pod')
      const requests = 3
      for (let request = 0; request < requests; request++) {
        const answer = await withGateway(context, client, cloud, door =>
          ask(door, inference('iris', irisQuestion, key), signal),
        )
        if (answer === undefined) return simulated('nothing runs in the gateway’s pods')
        const outcome = irisOutcome(answer)
        if (outcome.state !== 'passed') return outcome
      }
      const deadline = Date.now() + patienceMs
      for (;;) {
        const now = await inPrometheus(client)
        if (now === played) return simulated('nothing runs in Prometheus’ pod')
        const counted = gained(before, now)
        if (counted >= requests) return passed(`of ${requests} inferences Prometheus has counted ${counted}`)
        if (Date.now() > deadline)
          return failed(
            `${requests} more inferences in Prometheus`,
            `${counted} after ${patienceMs / 1000} s, of ${now.size} pods of the gateway`,
          )
        report(`waiting for Prometheus to ask the gateway again: ${counted} of ${requests}`)
        await delay(pollMs, undefined, { signal })
      }
    },
  },
]

type Counts = ReadonlyMap<string, number>

/** By pod of the gateway. */
async function inPrometheus(client: CloudBench['client']): Promise<typeof played | Counts> {
  const answer = await queryPrometheus(client, query)
  return answer === played ? played : new Map(answer.map(({ metric, value }) => [metric['pod'] ?? '', value]))
}

/** Of each pod by itself: what one that has gone had counted goes out of the sum some time later. */
function gained(before: Counts, now: Counts): number {
  return [...now].reduce((sum, [pod, count]) => sum + Math.max(0, count - (before.get(pod) ?? 0)), 0)
}
