import * as z from 'zod'
import type { KubeObject } from './objects.ts'

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()).default({}) })

/** The values of a Secret, decoded; none where there is no Secret. */
export function secretValues(secret: KubeObject | undefined): Readonly<Record<string, string>> {
  return mapped(dataSchema.safeParse(secret).data?.data ?? {}, value =>
    Buffer.from(value, 'base64').toString(),
  )
}

/** The `data` of a Secret with these values. */
export function secretData(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return mapped(values, value => Buffer.from(value).toString('base64'))
}

function mapped(values: Readonly<Record<string, string>>, change: (value: string) => string) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}
