import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { KubeObject, ObjectRef } from '../../kube/objects.ts'
import { readRollout, waitForRollout } from '../../kube/rollout.ts'
import { rolloutState } from '../../kube/rollout-state.ts'
import { kubectlFor } from '../3-applications/roll-out.ts'
import type { Context } from '../phase.ts'
import { deployments, nodeExporter, operator, statefulSets } from './names.ts'

/** A volume may have to be made, and a node for it. */
const timeoutMs = 600_000
const pollMs = 1_000

export interface WorkloadState {
  readonly name: string
  readonly done: boolean
  readonly ready: number
  readonly wanted: number
  /** Played: said to be ready, and nothing runs. */
  readonly simulated: boolean
  readonly why?: string
}

const selectorSchema = z.looseObject({
  spec: z.looseObject({
    selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }),
  }),
})
const daemonSetSchema = z.looseObject({
  metadata: z.looseObject({ generation: z.number().default(0) }),
  status: z
    .looseObject({
      desiredNumberScheduled: z.number().default(0),
      numberReady: z.number().default(0),
      updatedNumberScheduled: z.number().default(0),
      observedGeneration: z.number().default(0),
    })
    .prefault({}),
})

/** All that the release runs. What a played operator was to make is not waited for: it makes nothing. */
export async function readWorkloads(client: KubeClient): Promise<readonly WorkloadState[]> {
  const [rollouts, sets, daemons] = await Promise.all([
    Promise.all(deployments.map(async ref => stateOf(ref, await readRollout(client, ref)))),
    Promise.all(statefulSets.map(ref => readStatefulSet(client, ref))),
    readDaemonSet(client, nodeExporter),
  ])
  const isPlayed = rollouts.find(({ name }) => name === operator.name)?.simulated === true
  const made = sets.map(set =>
    set.wanted === 0 && isPlayed
      ? { ...set, done: true, simulated: true, why: 'its operator is simulated' }
      : set,
  )
  return [...rollouts, ...made, daemons]
}

/** Waits for all of it; throws MLP4030 to MLP4033 or MLP4061 with what keeps it. */
export async function waitForWorkloads(
  context: Context,
  client: KubeClient,
  report: (message: string) => void,
): Promise<readonly WorkloadState[]> {
  const kubectl = kubectlFor(context, client)
  for (const ref of deployments) {
    await waitForRollout(client, ref, {
      signal: context.signal,
      kubectl,
      report: message => report(`${ref.name}: ${message}`),
    })
  }
  return await waitForAll(context, client, () => readWorkloads(client), report)
}

/** The same of any workloads: throws MLP4061 with what keeps them. */
export async function waitForAll(
  context: Context,
  client: KubeClient,
  read: () => Promise<readonly WorkloadState[]>,
  report: (message: string) => void,
): Promise<readonly WorkloadState[]> {
  const kubectl = kubectlFor(context, client)
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const states = await read()
    const lacking = states.filter(({ done }) => !done)
    const [first] = lacking
    if (first === undefined) return states
    report(`waiting for ${lacking.map(({ name, ready, wanted }) => `${name} ${ready}/${wanted}`).join(', ')}`)
    if (Date.now() > deadline) throw doesNotComeUp(client, lacking, kubectl)
    await delay(pollMs, undefined, { signal: context.signal })
  }
}

/** How far one Deployment, StatefulSet or DaemonSet is. */
export async function readWorkload(client: KubeClient, ref: ObjectRef): Promise<WorkloadState> {
  if (ref.kind === 'StatefulSet') return await readStatefulSet(client, ref)
  if (ref.kind === 'DaemonSet') return await readDaemonSet(client, ref)
  return stateOf(ref, await readRollout(client, ref))
}

function stateOf(
  { name }: ObjectRef,
  { done, ready, wanted, simulated, troubles }: Awaited<ReturnType<typeof readRollout>>,
): WorkloadState {
  const [trouble] = troubles
  const why = trouble === undefined ? {} : { why: `${trouble.pod}: ${trouble.reason} ${trouble.message}` }
  return { name, done, ready, wanted, simulated, ...why }
}

async function readStatefulSet(client: KubeClient, ref: ObjectRef): Promise<WorkloadState> {
  const set = await client.get(ref)
  if (set === undefined)
    return {
      name: ref.name,
      done: false,
      ready: 0,
      wanted: 0,
      simulated: false,
      why: 'it is not there',
    }
  return stateOf(ref, rolloutState(set, await podsOf(client, set)))
}

/** The pods that a StatefulSet selects. */
export async function podsOf(client: KubeClient, set: KubeObject): Promise<readonly KubeObject[]> {
  const labels = selectorSchema.parse(set).spec.selector.matchLabels
  return await client.list({
    apiVersion: 'v1',
    kind: 'Pod',
    ...(set.metadata.namespace === undefined ? {} : { namespace: set.metadata.namespace }),
    labelSelector: Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  })
}

async function readDaemonSet(client: KubeClient, ref: ObjectRef): Promise<WorkloadState> {
  const { name } = ref
  const set = await client.get(ref)
  if (set === undefined)
    return { name, done: false, ready: 0, wanted: 0, simulated: false, why: 'it is not there' }
  const { metadata, status } = daemonSetSchema.parse(set)
  const { desiredNumberScheduled: wanted, numberReady: ready, updatedNumberScheduled: updated } = status
  const seen = status.observedGeneration >= metadata.generation
  const pods = await podsOf(client, set)
  const { simulated } = rolloutState(set, pods)
  return { name, done: seen && wanted > 0 && ready >= wanted && updated >= wanted, ready, wanted, simulated }
}

function doesNotComeUp(client: KubeClient, lacking: readonly WorkloadState[], kubectl: string): MlpError {
  return new MlpError({
    code: 'MLP4061',
    summary: `Monitoring on ${client.label.cloud} is not ready after ${timeoutMs / 60_000} min`,
    detail: lacking
      .map(
        ({ name, ready, wanted, why }) =>
          `${name}: ${ready} of ${wanted} ready${why === undefined ? '' : `; ${why}`}`,
      )
      .join('\n'),
    remedy: [
      `See what its pods wait for: ${kubectl} --namespace monitoring describe pods`,
      'Run the same command again: it goes on waiting.',
    ],
  })
}
