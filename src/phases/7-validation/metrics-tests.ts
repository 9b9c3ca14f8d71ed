import { setTimeout as delay } from 'node:timers/promises'
import { simulated as played, queryPrometheus } from '../5-monitoring/api.ts'
import { irisOutcome } from './answers.ts'
import type { CloudBench } from './bench.ts'
import { withGateway } from './gateway-door.ts'
import { ask } from './http.ts'
import { failed, passed, simulated } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'
import { inference, irisQuestion } from './samples.ts'

/** Prometheus asks every 15 s. */
const patienceMs = 75_000
const pollMs = 2_000
const query = 'sum(http_server_request_duration_seconds_count{job="api-gateway",http_route=~".*/infer"})'

export const metricsTests: readonly ValidationTest<CloudBench>[] = [
  {
    name: 'metrics',
    title: 'What was asked is seen in Prometheus',
    after: ['inference'],
    deadlineMs: patienceMs + 45_000,
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
      const wanted = (before ?? 0) + requests
      const deadline = Date.now() + patienceMs
      for (;;) {
        const now = await inPrometheus(client)
        if (now === played) return simulated('nothing runs in Prometheus’ pod')
        if ((now ?? 0) >= wanted)
          return passed(`api-gateway’s inferences in Prometheus: ${before ?? 0}, then ${now}`)
        if (Date.now() > deadline)
          return failed(
            `at least ${wanted} inferences in Prometheus`,
            `${now ?? 'none'} after ${patienceMs / 1000} s`,
          )
        report(`waiting for Prometheus to ask the gateway again: ${now ?? 0} of ${wanted}`)
        await delay(pollMs, undefined, { signal })
      }
    },
  },
]

async function inPrometheus(client: CloudBench['client']): Promise<typeof played | number | undefined> {
  const answer = await queryPrometheus(client, query)
  return answer === played ? played : answer[0]?.value
}
