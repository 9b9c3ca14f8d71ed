import * as z from 'zod'
import type { JsonObject } from '../engine/json.ts'

/** Any JSON document that came over the wire or out of a YAML file. */
export const jsonObjectSchema: z.ZodType<JsonObject> = z.record(z.string(), z.json())

const managedFieldsSchema = z.object({
  manager: z.string().default(''),
  operation: z.string().default(''),
  subresource: z.string().optional(),
  fieldsV1: jsonObjectSchema.optional(),
})

/** What mlp relies on in every object; the rest is passed through untouched. */
export const kubeObjectSchema = z
  .object({
    apiVersion: z.string().min(1),
    kind: z.string().min(1),
    metadata: z
      .object({
        name: z.string().min(1),
        namespace: z.string().optional(),
        uid: z.string().optional(),
        resourceVersion: z.string().optional(),
        creationTimestamp: z.string().optional(),
        deletionTimestamp: z.string().optional(),
        labels: z.record(z.string(), z.string()).optional(),
        annotations: z.record(z.string(), z.string()).optional(),
        managedFields: z.array(managedFieldsSchema).optional(),
      })
      .catchall(z.json()),
  })
  .catchall(z.json())
export type KubeObject = z.infer<typeof kubeObjectSchema>

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
