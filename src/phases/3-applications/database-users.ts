import type { CloudName } from '../../clouds/cloud.ts'
import type { StepId } from '../../engine/step.ts'
import { readJob, waitForJob } from '../../kube/job.ts'
import { type ObjectRef, refOf } from '../../kube/objects.ts'
import type { Declaration } from '../2-kubernetes/declarations.ts'
import { loadTemplate } from '../2-kubernetes/templates.ts'
import { imageOf, podChanges, type Workload, withFiles, withPods } from './pod-changes.ts'

const name = 'database-users'
/** Another program of data-sync's image, under an identity that nothing else has. */
const workload: Workload = { account: 'database-admin', image: 'data-sync' }

export const databaseUsersJob: ObjectRef = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  name,
  namespace: 'ml-platform',
}

export function databaseUsersStepId(cloud: CloudName): StepId {
  return `3.${cloud}.${name}`
}

/**
 * A Job inside the network, where alone the database can be reached, that makes the services' users in it. That it has
 * completed is what the cluster tells of it; that the users get in, data-sync's own readiness tells. Users and what they
 * own stay when the Job goes: they are the database's, and share its fate.
 */
export const databaseUsers: Declaration = {
  phase: 3,
  name,
  title: 'Users of the database',
  kinds: [
    { apiVersion: 'v1', kind: 'ConfigMap' },
    { apiVersion: 'batch/v1', kind: 'Job' },
  ],
  needs: cloud => [`2.${cloud}.workload-identity`, `2.${cloud}.priority-classes`, `3.${cloud}.images`],
  async objects(context, cloud) {
    const pods = podChanges(context, cloud, workload)
    if (pods === undefined) return undefined
    const objects = await loadTemplate(context, `applications/${name}.yaml`)
    return objects.map(object => (object.kind === 'Job' ? withPods(object, pods) : withFiles(object, pods)))
  },
  inputs: (context, cloud) => ({ image: imageOf(context, cloud, workload) ?? null }),
  // Nothing of a Job can be changed, and running it again does no harm.
  replaceable: true,
  async unfinished(client, objects) {
    for (const object of objects.filter(({ kind }) => kind === 'Job')) {
      const { state, why } = await readJob(client, refOf(object))
      if (state !== 'complete') return why
    }
    return undefined
  },
  async finish(context, client, objects, report) {
    for (const object of objects.filter(({ kind }) => kind === 'Job')) {
      // One of an earlier run that has failed is not tried again by itself.
      if ((await readJob(client, refOf(object))).state === 'failed') {
        report('trying again what failed before')
        await client.delete(refOf(object))
        await client.waitFor(refOf(object), {
          what: 'the end of the job that failed',
          timeoutMs: 60_000,
          done: seen => seen === undefined,
        })
        await client.apply(object)
      }
      await waitForJob(client, refOf(object), { signal: context.signal, report })
    }
  },
}
