import * as z from 'zod'
import { MlpError } from '../engine/errors.ts'
import type { KubeClient } from './client.ts'
import { describeRef, type KubeObject, type ObjectRef } from './objects.ts'
import { lastLines } from './pod-log.ts'

interface JobState {
  readonly state: 'absent' | 'running' | 'complete' | 'failed'
  /** In words, for people. */
  readonly why: string
}

/** Jobs of ours end by themselves before that (activeDeadlineSeconds). */
const timeoutMs = 900_000

const jobSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z
        .array(
          z.looseObject({
            type: z.string(),
            status: z.string(),
            reason: z.string().default(''),
            message: z.string().default(''),
          }),
        )
        .default([]),
    })
    .prefault({}),
})
const podSchema = z.looseObject({
  status: z
    .looseObject({
      containerStatuses: z
        .array(
          z.looseObject({
            state: z
              .looseObject({
                waiting: z
                  .looseObject({ reason: z.string().default(''), message: z.string().default('') })
                  .optional(),
              })
              .prefault({}),
          }),
        )
        .default([]),
    })
    .prefault({}),
})

export async function readJob(client: KubeClient, job: ObjectRef): Promise<JobState> {
  return stateOf(job, await client.get(job))
}

function stateOf(job: ObjectRef, object: KubeObject | undefined): JobState {
  const subject = describeRef(job)
  if (object === undefined) return { state: 'absent', why: `${subject} is not there` }
  const { conditions } = jobSchema.parse(object).status
  const met = (type: string) => conditions.find(one => one.type === type && one.status === 'True')
  if (met('Complete') !== undefined) return { state: 'complete', why: `${subject} has completed` }
  const failed = met('Failed')
  return failed === undefined
    ? { state: 'running', why: `${subject} has not completed yet` }
    : { state: 'failed', why: `${subject} has failed: ${failed.reason} ${failed.message}`.trimEnd() }
}

/** Waits until the Job has completed; MLP4034, with its last lines, when it has failed. */
export async function waitForJob(
  client: KubeClient,
  job: ObjectRef,
  report: (message: string) => void,
): Promise<void> {
  report(`${describeRef(job)} runs`)
  const object = await client.waitFor(job, {
    what: describeRef(job),
    timeoutMs,
    done: seen => ['absent', 'complete', 'failed'].includes(stateOf(job, seen).state),
  })
  const { state, why } = stateOf(job, object)
  if (state === 'complete') return
  throw new MlpError({
    code: 'MLP4034',
    summary: `${why}, on ${client.label.cloud}`,
    detail: await lastWords(client, job),
    remedy: [
      'Put right what its last lines name.',
      'Then run the same command again; it goes on where it stopped.',
    ],
  })
}

/** Of the pod that came last. */
async function lastWords(client: KubeClient, job: ObjectRef): Promise<string> {
  const pods = await client.list({
    apiVersion: 'v1',
    kind: 'Pod',
    ...(job.namespace === undefined ? {} : { namespace: job.namespace }),
    labelSelector: `batch.kubernetes.io/job-name=${job.name}`,
  })
  const made = (pod: KubeObject) => String(pod.metadata['creationTimestamp'] ?? '')
  const [last] = [...pods].sort((one, other) => made(other).localeCompare(made(one)))
  if (last === undefined) return 'None of its pods is left.'
  const [status] = podSchema.parse(last).status.containerStatuses
  const waiting = status?.state.waiting
  if (waiting !== undefined) return `${last.metadata.name}: ${waiting.reason} ${waiting.message}`
  return await lastLines(client, job, { pod: last.metadata.name })
}
