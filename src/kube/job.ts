import { setTimeout as delay } from 'node:timers/promises'
import { MlpError } from '../engine/errors.ts'
import type { KubeClient } from './client.ts'
import { conditionsOf, metCondition } from './conditions.ts'
import { describeRef, type KubeObject, type ObjectRef } from './objects.ts'
import { lastLines } from './pod-log.ts'
import { describeWorst, findLasting, viewPod } from './pod-trouble.ts'
import { cannotPull } from './pull-error.ts'

interface JobState {
  readonly state: 'absent' | 'running' | 'complete' | 'failed'
  /** In words, for people. */
  readonly why: string
}

/** Jobs of ours end by themselves before that (activeDeadlineSeconds). */
const timeoutMs = 900_000
const defaultPatienceMs = 90_000
const pollMs = 1_000

const again = 'Then run the same command again; it goes on where it stopped.'

export async function readJob(client: KubeClient, job: ObjectRef): Promise<JobState> {
  return stateOf(job, await client.get(job))
}

function stateOf(job: ObjectRef, object: KubeObject | undefined): JobState {
  const subject = describeRef(job)
  if (object === undefined) return { state: 'absent', why: `${subject} is not there` }
  const conditions = conditionsOf(object)
  if (metCondition(conditions, 'Complete') !== undefined)
    return { state: 'complete', why: `${subject} has completed` }
  const failed = metCondition(conditions, 'Failed')
  return failed === undefined
    ? { state: 'running', why: `${subject} has not completed yet` }
    : { state: 'failed', why: `${subject} has failed: ${failed.reason} ${failed.message}`.trimEnd() }
}

export interface JobOptions {
  readonly signal: AbortSignal
  /** One calm line, when it changes. */
  readonly report: (message: string) => void
  /** How long an image that cannot be pulled, or a missing Secret, may stay so. Default 90 s. */
  readonly patienceMs?: number
}

/**
 * Waits until the Job has completed, telling what keeps its pod from running. Throws MLP4034, with its last lines, when
 * it has failed; MLP4030 (image) or MLP4034 as soon as it is plain that its pod will not start by itself.
 */
export async function waitForJob(client: KubeClient, job: ObjectRef, options: JobOptions): Promise<void> {
  const { signal, report, patienceMs = defaultPatienceMs } = options
  const subject = describeRef(job)
  const startedAt = Date.now()
  const since = new Map<string, number>()
  let told = ''
  for (;;) {
    const { state, why } = stateOf(job, await client.get(job))
    if (state === 'complete') return
    const pods = await podsOf(client, job)
    if (state !== 'running') throw failed(client, why, await lastWords(client, job, pods.at(-1)))
    const troubles = pods.map(viewPod).flatMap(({ leaving, troubles }) => (leaving ? [] : troubles))
    const worst = describeWorst(troubles)
    const line = worst === undefined ? `${subject} runs` : `${subject} runs; ${worst}`
    if (line !== told) report(line)
    told = line
    const now = Date.now()
    const stuck = findLasting(troubles, since, now, patienceMs)
    if (stuck?.kind === 'image')
      throw cannotPull(`${subject} on ${client.label.cloud}`, client.label.cloud, stuck, [again])
    if (stuck !== undefined)
      throw failed(client, `${subject} cannot start`, `${stuck.pod}: ${stuck.reason} ${stuck.message}`)
    if (now - startedAt > timeoutMs)
      throw failed(client, `${subject} has not completed in time`, await lastWords(client, job, pods.at(-1)))
    await delay(pollMs, undefined, { signal })
  }
}

function failed(client: KubeClient, why: string, detail: string): MlpError {
  return new MlpError({
    code: 'MLP4034',
    summary: `${why}, on ${client.label.cloud}`,
    detail,
    remedy: ['Put right what is named above.', again],
  })
}

/** The one that came last is the last. */
async function podsOf(client: KubeClient, job: ObjectRef): Promise<readonly KubeObject[]> {
  const pods = await client.list({
    apiVersion: 'v1',
    kind: 'Pod',
    ...(job.namespace === undefined ? {} : { namespace: job.namespace }),
    labelSelector: `batch.kubernetes.io/job-name=${job.name}`,
  })
  const made = (pod: KubeObject) => String(pod.metadata['creationTimestamp'] ?? '')
  return [...pods].sort((one, other) => made(one).localeCompare(made(other)))
}

async function lastWords(client: KubeClient, job: ObjectRef, last: KubeObject | undefined): Promise<string> {
  if (last === undefined) return 'None of its pods is left.'
  return await lastLines(client, job, { pod: last.metadata.name })
}
