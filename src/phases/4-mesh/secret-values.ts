import * as z from 'zod'
import type { KubeObject } from '../../kube/objects.ts'

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })

/** The values of a Secret, decoded. */
export function secretValues(secret: KubeObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(dataSchema.parse(secret).data).map(([name, value]) => [
      name,
      Buffer.from(value, 'base64').toString(),
    ]),
  )
}
