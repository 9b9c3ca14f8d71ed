import * as z from 'zod'
import type { KubeObject } from './objects.ts'

export const conditionSchema = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(''),
  message: z.string().default(''),
})
type Condition = z.output<typeof conditionSchema>

const objectSchema = z.looseObject({
  status: z
    .looseObject({
      // Null in a CustomResourceDefinition that the API server has not looked at yet.
      conditions: z
        .array(conditionSchema)
        .nullish()
        .transform(conditions => conditions ?? []),
    })
    .prefault({}),
})

/** What an object's controllers say of it; nothing yet where it is new. */
export function conditionsOf(object: KubeObject): readonly Condition[] {
  return objectSchema.parse(object).status.conditions
}

/** The condition of that type where it is True. */
export function metCondition(conditions: readonly Condition[], type: string): Condition | undefined {
  return conditions.find(condition => condition.type === type && condition.status === 'True')
}
