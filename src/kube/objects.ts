import * as z from 'zod'
import type { Json, JsonObject } from '../engine/json.ts'

/** Who last set which fields, as the API server keeps it. */
type ManagedFields = JsonObject & {
  readonly manager?: string | undefined
  readonly operation?: string | undefined
}

type KubeMetadata = JsonObject & {
  readonly name: string
  readonly namespace?: string | undefined
  readonly uid?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly creationTimestamp?: string | undefined
  readonly deletionTimestamp?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly managedFields?: readonly ManagedFields[] | undefined
}

/** What mlp relies on in every object; the rest is passed through untouched. */
export type KubeObject = JsonObject & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: KubeMetadata
}

/** Of what JSON.parse or a YAML document gave, which is JSON: to look at each value again takes a run's time. */
const json = z.custom<Json>(() => true)
const text = z.string().optional()
const texts = z.record(z.string(), z.string()).optional()
const managedFieldsSchema = z.object({ manager: text, operation: text }).catchall(json)

/** For everything that comes over the wire or out of a YAML file. */
export const kubeObjectSchema: z.ZodType<KubeObject> = z
  .object({
    apiVersion: z.string().min(1),
    kind: z.string().min(1),
    metadata: z
      .object({
        name: z.string().min(1),
        namespace: text,
        uid: text,
        resourceVersion: text,
        creationTimestamp: text,
        deletionTimestamp: text,
        labels: texts,
        annotations: texts,
        managedFields: z.array(managedFieldsSchema).optional(),
      })
      .catchall(json),
  })
  .catchall(json)

/** Names one object. */
export interface ObjectRef {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string | undefined
}

export function refOf(object: KubeObject): ObjectRef {
  const { name, namespace } = object.metadata
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
  }
}

/** `Namespace ml-platform`, `ConfigMap ml-platform/ml-platform-config`. */
export function describeRef(ref: ObjectRef): string {
  return `${ref.kind} ${ref.namespace === undefined ? '' : `${ref.namespace}/`}${ref.name}`
}

/** Kubernetes' own answer to a request that it did not carry out. */
export const statusSchema = z.object({
  kind: z.literal('Status'),
  message: z.string().default(''),
  reason: z.string().default(''),
  code: z.number().optional(),
  details: z
    .object({
      causes: z
        .array(
          z.object({
            reason: z.string().default(''),
            message: z.string().default(''),
            field: z.string().default(''),
          }),
        )
        .default([]),
      retryAfterSeconds: z.number().optional(),
    })
    .optional(),
})
export type KubeStatus = z.infer<typeof statusSchema>
