import { setTimeout as delay } from 'node:timers/promises'
import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import { contextName } from '../../config/names.ts'
import type { Config } from '../../config/schema.ts'
import type { KubeClient } from '../../kube/client.ts'
import { waitForRollout } from '../../kube/rollout.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { irisOutcome, shown } from './answers.ts'
import { type CloudBench, eastWest, openBench, runningPods, servicePods } from './bench.ts'
import { withGateway } from './gateway-door.ts'
import { type Answer, ask } from './http.ts'
import { failed, type Outcome, passed, simulated } from './outcome.ts'
import { runTests, type ValidationTest } from './run-tests.ts'
import { inference, irisQuestion } from './samples.ts'
import { restoreAll, takePods } from './undo-list.ts'
import { validationStep } from './validation-step.ts'

const serving = deploymentOf('model-serving')
/** For the other clusters' istiods to hear that there are no pods any more. */
const patienceMs = 90_000
const pollMs = 1_000
const requests = 5

interface FailoverBench {
  readonly context: Context
  readonly benches: ReadonlyMap<CloudName, CloudBench>
}

/**
 * Each cloud's model servers are taken away, one cloud after the other, and given back: its gateway has to be answered by
 * another cloud's meanwhile, through the mesh. Where there is more than one cloud, and only with --chaos.
 */
export function failoverStep(config: Config): PlatformStep {
  const clouds = configuredClouds(config)
  return validationStep({
    name: 'failover',
    cloud: 'all',
    title: 'A cloud fails over to another, and back',
    // Load, and what else uses the model servers, comes before.
    needs: ['7.all.data-sync', ...clouds.map(cloud => `7.${cloud}.load` as const)],
    clouds: context => [...context.clouds.keys()],
    idle: idleFailover,
    async run(context, clients, where, progress) {
      const benches = new Map<CloudName, CloudBench>()
      for (const [cloud, client] of clients.byCloud)
        benches.set(cloud, await openBench(context, client, cloud, message => progress.report(message)))
      const tests = [...benches.keys()].map(
        (cloud): ValidationTest<FailoverBench> => ({
          name: `failover-${cloud}`,
          title: `Without model servers of its own, ${cloud} is answered by another cloud’s, and by its own again`,
          deadlineMs: 360_000,
          run: (bench, signal) => failOver(bench, cloud, signal),
        }),
      )
      return await runTests(context, where, tests, { context, benches })
    },
  })
}

function idleFailover(context: Context): string | undefined {
  if (context.clouds.size < 2) return 'there is no other cloud to fail over to'
  return context.consent.chaos ? undefined : 'only where it is asked for: mlp phase 7 --chaos'
}

async function failOver(
  { context, benches }: FailoverBench,
  cloud: CloudName,
  signal: AbortSignal,
): Promise<Outcome> {
  const bench = benches.get(cloud)
  if (bench === undefined) throw new Error(`no bench of ${cloud}`)
  const { client } = bench
  const { simulated: played } = await servicePods(client, 'model-serving')
  const gateways = await Promise.all([...benches.values()].map(each => runningPods(each.client, eastWest)))
  if (played) return simulated('nothing runs in the model servers’ pods')
  if (gateways.some(each => each.simulated || each.pods.length === 0))
    return simulated('the mesh between the clusters: nothing runs in its gateways’ pods')
  const others = [...benches.values()].filter(each => each.cloud !== cloud)
  const before = await answeredBy(others, signal)
  let answers: readonly Answer[]
  let after: number
  try {
    bench.report(`${cloud}: its model servers are taken away`)
    if (!(await takePods(context, client, 'failover', serving)))
      return failed('model servers to take away', 'there is no Deployment of them')
    await waitForNone(client, signal)
    answers = await askUntilAnswered(bench, signal)
    after = await answeredBy(others, signal)
  } finally {
    await restoreAll(context, client, 'failover', message => bench.report(message))
  }
  const kubectl = `kubectl --context ${contextName(cloud, context.config)}`
  await waitForRollout(client, serving, {
    signal,
    kubectl,
    report: message => bench.report(message),
    timeoutMs: 180_000,
  })
  const wanted = `${requests} right answers at ${cloud}’s gateway, from ${others.map(each => each.cloud).join(' or ')}`
  const wrong = answers.filter(answer => irisOutcome(answer).state !== 'passed')
  if (answers.length < requests || wrong.length > 0)
    return failed(wanted, wrong[0] === undefined ? 'no answer in time' : shown(wrong[0]))
  if (after - before < requests) return failed(wanted, `the others’ model servers answered ${after - before}`)
  const back = await askOnce(bench, signal)
  const own = irisOutcome(back)
  if (own.state !== 'passed') return failed(`${cloud}’s own model servers answer again`, shown(back))
  return passed(
    `${after - before} inferences answered by ${others.map(each => each.cloud).join(' or ')}; then by its own again`,
  )
}

async function askOnce({ context, client, cloud, key }: CloudBench, signal: AbortSignal): Promise<Answer> {
  const answer = await withGateway(context, client, cloud, door =>
    ask(door, inference('iris', irisQuestion, key), signal),
  )
  return answer ?? { status: 0, headers: {}, text: 'nothing runs in the gateway’s pods' }
}

/** The first requests may come before every proxy has heard; from the first answer on all have to be right. */
async function askUntilAnswered(bench: CloudBench, signal: AbortSignal): Promise<readonly Answer[]> {
  const deadline = Date.now() + patienceMs
  let last = await askOnce(bench, signal)
  while (last.status !== 200 && Date.now() < deadline) {
    bench.report(`${bench.cloud}: waiting for another cloud’s model servers: ${last.status}`)
    await delay(pollMs, undefined, { signal })
    last = await askOnce(bench, signal)
  }
  const answers = [last]
  while (last.status === 200 && answers.length < requests) {
    last = await askOnce(bench, signal)
    answers.push(last)
  }
  return answers
}

async function waitForNone(client: KubeClient, signal: AbortSignal): Promise<void> {
  while ((await servicePods(client, 'model-serving')).pods.length > 0)
    await delay(pollMs, undefined, { signal })
}

const inferences = /^model_inferences_total\{[^}]*model="iris"[^}]*\} (\S+)$/gm

/** How many inferences these clouds' model servers have answered. */
async function answeredBy(benches: readonly CloudBench[], signal: AbortSignal): Promise<number> {
  let total = 0
  for (const { client } of benches) {
    const { pods } = await servicePods(client, 'model-serving')
    for (const pod of pods) {
      const { text } = await client.withPodPort({ namespace: serving.namespace, pod, port: 8080 }, port =>
        ask({ port }, { path: '/metrics' }, signal),
      )
      for (const [, value] of text.matchAll(inferences)) total += Number(value)
    }
  }
  return total
}
