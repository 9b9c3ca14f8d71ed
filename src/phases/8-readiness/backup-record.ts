import * as z from 'zod'
import { type JsonObject, parseJson } from '../../engine/json.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { mark } from '../2-kubernetes/marks.ts'
import type { Context } from '../phase.ts'

const key = 'proof.json'

/** What a rehearsal found, kept in the cluster that it was about: checks may not read mlp's state. */
export interface ProofKind<Proof extends JsonObject> {
  /** Of the ConfigMap, and of the step that its mark names. */
  readonly name: string
  readonly schema: z.ZodType<Proof>
}

function refOf(name: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'ConfigMap', name: `mlp-${name}`, namespace: 'ml-platform' }
}

/** Undefined where there is none, or none that can be read. `at` is by the cluster's own clock. */
export async function readProof<Proof extends JsonObject>(
  client: KubeClient,
  { name, schema }: ProofKind<Proof>,
): Promise<(Proof & { readonly at: string }) | undefined> {
  const found = await client.get(refOf(name))
  const { data } = z.looseObject({ data: z.record(z.string(), z.string()).default({}) }).parse(found ?? {})
  const parsed = schema.safeParse(parseJson(data[key] ?? ''))
  return parsed.success ? { ...parsed.data, at: found?.metadata.creationTimestamp ?? '' } : undefined
}

/** Made anew each time, so that the cluster's clock says when. */
export async function writeProof<Proof extends JsonObject>(
  context: Context,
  client: KubeClient,
  { name }: ProofKind<Proof>,
  proof: Proof,
): Promise<void> {
  const ref = refOf(name)
  await client.delete(ref)
  await client.apply(
    mark(context, name, {
      apiVersion: ref.apiVersion,
      kind: ref.kind,
      metadata: { name: ref.name, namespace: ref.namespace },
      data: { [key]: `${JSON.stringify(proof, null, 2)}\n` },
    }),
  )
}

export async function removeProof(client: KubeClient, name: string): Promise<void> {
  await client.delete(refOf(name))
}
