import * as z from 'zod'
import { fileSchema } from './schema.ts'

/** JSON Schema of mlp.yaml, for editors; draft 7 is what they know. scripts/write-schema.mjs writes it. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(fileSchema, {
    target: 'draft-7',
    io: 'input',
    // Settings repeat under `environments`: without references the file would be four times as long.
    reused: 'ref',
    unrepresentable: 'any',
  })
  return `${JSON.stringify(schema, null, 2)}\n`
}
