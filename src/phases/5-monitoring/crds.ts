import * as z from 'zod'
import type { KubeClient } from '../../kube/client.ts'
import { conditionsOf, metCondition } from '../../kube/conditions.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { mark } from '../2-kubernetes/marks.ts'
import { applyObject } from '../2-kubernetes/object-step.ts'
import { objectsIn } from '../2-kubernetes/templates.ts'
import type { Context } from '../phase.ts'

export const crdKind = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' } as const
export const crdStep = 'stack'
const servedTimeoutMs = 300_000

export const crdSchema = z.looseObject({
  spec: z.looseObject({
    group: z.string(),
    names: z.looseObject({ kind: z.string() }),
    versions: z.array(z.looseObject({ name: z.string(), served: z.boolean() })),
  }),
})

/** helm installs a chart's CRDs once and never again; an upgraded operator needs its own. */
export async function applyCrds(
  context: Context,
  client: KubeClient,
  yaml: string,
  report: (message: string) => void,
): Promise<void> {
  const crds = objectsIn(yaml, 'the CRDs of the chart')
  for (const crd of crds) {
    report(describeRef(refOf(crd)))
    await applyObject(context, client, mark(context, crdStep, crd), false)
  }
  for (const crd of crds) {
    await client.waitFor(refOf(crd), {
      what: `${describeRef(refOf(crd))} to be served`,
      timeoutMs: servedTimeoutMs,
      done: isEstablished,
    })
  }
}

function isEstablished(object: KubeObject | undefined): boolean {
  return object !== undefined && metCondition(conditionsOf(object), 'Established') !== undefined
}
