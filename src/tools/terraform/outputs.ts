import * as z from 'zod'
import type { Json, JsonObject } from '../../engine/json.ts'

/** How terraform writes outputs, in its state and in its JSON views. */
export const outputsSchema = z.record(
  z.string(),
  z.union([
    z.object({ sensitive: z.literal(true) }),
    z.object({ sensitive: z.literal(false).default(false), value: z.json() }),
  ]),
)

/** By name; sensitive ones are left out. */
export function visibleOutputs(outputs: z.output<typeof outputsSchema>): JsonObject {
  const visible: Record<string, Json> = {}
  for (const [name, output] of Object.entries(outputs)) if (!output.sensitive) visible[name] = output.value
  return visible
}
