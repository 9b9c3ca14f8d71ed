import * as z from 'zod'
import { fieldManager, type KubeClient } from '../../kube/client.ts'
import { type KubeObject, refOf } from '../../kube/objects.ts'

const autoscalerSchema = z.looseObject({
  spec: z.looseObject({ scaleTargetRef: z.looseObject({ kind: z.string(), name: z.string() }) }),
})
const replicasSchema = z.looseObject({ spec: z.looseObject({ replicas: z.number() }) })
const ownedSchema = z.looseObject({
  fieldsV1: z.looseObject({ 'f:spec': z.looseObject({ 'f:replicas': z.unknown() }) }),
})

/**
 * How many pods a Deployment has is its autoscaler's to say, where it has one. A field whose only owner stops declaring
 * it is set back to its default, which is one pod: until the autoscaler has taken `replicas` over by changing it, it is
 * declared as it is (https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership).
 */
export async function leaveReplicasToAutoscaler(
  client: KubeClient,
  objects: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  const namespace = objects[0]?.metadata.namespace
  const autoscalers = await client.list({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    ...(namespace === undefined ? {} : { namespace }),
  })
  const scaled = new Set(autoscalers.map(each => autoscalerSchema.parse(each).spec.scaleTargetRef.name))
  return await Promise.all(
    objects.map(async object =>
      object.kind === 'Deployment' && scaled.has(object.metadata.name)
        ? asScaled(object, await client.get(refOf(object)))
        : object,
    ),
  )
}

function asScaled(object: KubeObject, live: KubeObject | undefined): KubeObject {
  // A new one begins with as many as it would have without.
  if (live === undefined) return object
  const { replicas: _, ...spec } = z.record(z.string(), z.json()).parse(object['spec'])
  const isOurs = (live.metadata.managedFields ?? []).some(
    entry =>
      entry.manager === fieldManager && entry.operation === 'Apply' && ownedSchema.safeParse(entry).success,
  )
  return isOurs
    ? { ...object, spec: { ...spec, replicas: replicasSchema.parse(live).spec.replicas } }
    : { ...object, spec }
}
