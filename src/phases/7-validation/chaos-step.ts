import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import type { Config } from '../../config/schema.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeObject } from '../../kube/objects.ts'
import { waitForRollout } from '../../kube/rollout.ts'
import { deploymentOf } from '../3-applications/applications.ts'
import { otherClouds } from '../4-mesh/mesh.ts'
import type { PlatformStep } from '../phase.ts'
import { type CloudBench, eastWest, openBench, runningPods } from './bench.ts'
import { withGateway } from './gateway-door.ts'
import { sendLoad } from './load/load-step.ts'
import { readObjectives } from './load/objectives.ts'
import { failed, type Outcome, passed, simulated } from './outcome.ts'
import { runTests, type ValidationTest } from './run-tests.ts'
import { restoreAll, takePods, willUndo } from './undo-list.ts'
import { validationStep } from './validation-step.ts'

const services = ['api-gateway', 'model-serving'] as const
/** How long a drain asks again where a disruption budget does not allow it yet. */
const drainMs = 45_000
const rate = 5
const podSchema = z.looseObject({
  spec: z.looseObject({ nodeName: z.string().default('') }),
})

/** Breaks things on purpose while load is sent: the objectives have to hold all the same. Only with --chaos. */
export function chaosStep(config: Config, cloud: CloudName): PlatformStep {
  const joined = otherClouds(config, cloud).length > 0
  const step: StepId = `7.${cloud}.chaos`
  const tests: readonly ValidationTest<CloudBench>[] = [
    chaosTest('chaos-pods', 'A pod of each service may go', step, deletePods),
    chaosTest('chaos-node', 'A node may be drained', step, drainNode),
    ...(joined ? [chaosTest('chaos-mesh', 'The cluster may be cut off from the others', step, cutOff)] : []),
  ]
  return {
    ...validationStep({
      name: 'chaos',
      cloud,
      title: 'Chaos',
      needs: ['7.all.failover'],
      clouds: () => [cloud],
      idle: ({ consent }) => (consent.chaos ? undefined : 'only where it is asked for: mlp phase 7 --chaos'),
      async run(context, clients, where, progress) {
        const bench = await openBench(context, clients.get(cloud), cloud, message => progress.report(message))
        return await runTests(context, where, tests, bench)
      },
    }),
    // One cloud at a time: what fails over needs another to fail over to.
    limits: ['chaos'],
  }
}

function chaosTest(
  name: string,
  title: string,
  step: string,
  strike: (bench: CloudBench, signal: AbortSignal) => Promise<string>,
): ValidationTest<CloudBench> {
  return {
    name,
    title: `${title}, and the objectives hold`,
    deadlineMs: 360_000,
    async run(bench, signal) {
      const { context, client, cloud } = bench
      const objectives = await readObjectives(context)
      let outcome: Outcome | undefined
      try {
        outcome = await withGateway(context, client, cloud, async door => {
          const [run, struck] = await Promise.all([
            sendLoad(bench, step, door, { profile: 'smoke', rate, objectives }),
            strike(bench, signal),
          ])
          const { requests, errorRate, p95Ms } = run.summary
          const told = `${struck}: ${requests} requests, ${(errorRate * 100).toFixed(2)} % failed, p95 ${Math.round(p95Ms)} ms`
          return run.breached
            ? failed(
                `less than ${objectives.errorRate * 100} % failed, p95 below ${objectives.latencyMs} ms`,
                told,
              )
            : passed(told)
        })
      } finally {
        await restoreAll(context, client, 'chaos', message => bench.report(message))
      }
      await allBack(bench, signal)
      return outcome ?? simulated('nothing runs in the gateway’s pods')
    },
  }
}

async function deletePods({ client, report }: CloudBench, signal: AbortSignal): Promise<string> {
  // Load has to be there first.
  await delay(5_000, undefined, { signal })
  const gone: string[] = []
  for (const name of services) {
    const { pods } = await runningPods(client, deploymentOf(name))
    const [pod] = pods
    if (pod === undefined) continue
    report(`deleting pod ${pod}`)
    const { namespace } = deploymentOf(name)
    await client.delete({ apiVersion: 'v1', kind: 'Pod', name: pod, namespace })
    gone.push(pod)
  }
  return `without ${gone.join(' and ')}`
}

async function drainNode({ context, client, report }: CloudBench, signal: AbortSignal): Promise<string> {
  const pods = await servicePodsOn(client)
  const node = pods[0]?.node
  if (node === undefined) return 'no node has such pods'
  await willUndo(context, client, 'chaos', [{ kind: 'cordoned', name: node }])
  report(`draining node ${node}`)
  await client.cordon(node, true)
  let waiting = pods.filter(pod => pod.node === node)
  let evicted = 0
  const deadline = Date.now() + drainMs
  while (waiting.length > 0 && Date.now() < deadline) {
    const kept: typeof waiting = []
    for (const pod of waiting) {
      if (await client.evict(pod)) evicted++
      else kept.push(pod)
    }
    waiting = kept
    if (waiting.length > 0) await delay(2_000, undefined, { signal })
  }
  const said = waiting.length === 0 ? '' : `, ${waiting.length} kept by their disruption budgets`
  return `node ${node} drained of ${evicted} pods${said}`
}

async function servicePodsOn(client: CloudBench['client']) {
  const lists = await Promise.all(
    services.map(async name => {
      const { namespace } = deploymentOf(name)
      const found = await client.list({
        apiVersion: 'v1',
        kind: 'Pod',
        namespace,
        labelSelector: `app=${name}`,
      })
      return found.map((pod: KubeObject) => ({
        namespace,
        name: pod.metadata.name,
        node: podSchema.parse(pod).spec.nodeName,
      }))
    }),
  )
  return lists.flat()
}

async function cutOff({ context, client, report }: CloudBench): Promise<string> {
  report('cutting the cluster off from the others')
  return (await takePods(context, client, 'chaos', eastWest))
    ? 'without the gateway to the other clusters'
    : 'there is no way to the other clusters'
}

async function allBack({ context, client, cloud, report }: CloudBench, signal: AbortSignal): Promise<void> {
  const kubectl = `kubectl --context ${contextName(cloud, context.config)}`
  const refs = [
    ...services.map(deploymentOf),
    ...((await client.get(eastWest)) === undefined ? [] : [eastWest]),
  ]
  for (const ref of refs) await waitForRollout(client, ref, { signal, kubectl, report, timeoutMs: 180_000 })
}
