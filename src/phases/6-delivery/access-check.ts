import { join } from 'node:path'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { clusterCheck } from '../2-kubernetes/cluster-check.ts'
import { deviationOf } from '../2-kubernetes/deviation.ts'
import { loadObjects } from '../2-kubernetes/templates.ts'
import { fail, pass } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { access } from './access.ts'

const bindingSchema = z.looseObject({ subjects: z.array(z.unknown()).default([]) })

/** Who is bound is known only to a run that asked the cloud; that somebody is, and to which rights, is asked here. */
export function accessCheck(cloud: CloudName): PlatformCheck {
  return clusterCheck(6, cloud)(
    access.name,
    access.title,
    'The next deployment may not do in the cluster what it has to.',
    [],
    async (context, client) => {
      const objects = await loadObjects(join(context.templates, 'delivery', 'access.yaml'))
      const problems = await Promise.all(objects.map(object => problemOf(context, client, object)))
      const found = problems.filter(problem => problem !== undefined)
      return found.length === 0
        ? pass(`${objects.length} objects`)
        : fail(found.join('\n'), [`mlp phase 6 --cloud ${cloud}`])
    },
  )
}

async function problemOf(
  context: Context,
  client: KubeClient,
  object: KubeObject,
): Promise<string | undefined> {
  if (object.kind === 'ClusterRole') return await deviationOf(context, client, access.name, object)
  const name = describeRef(refOf(object))
  const live = await client.get(refOf(object))
  if (live === undefined) return `${name}: missing`
  return bindingSchema.parse(live).subjects.length === 0 ? `${name}: binds nobody` : undefined
}
