import { Document, isMap, isScalar } from 'yaml'
import * as z from 'zod'
import { fileSchema } from './schema.ts'

/** Where an editor finds the JSON Schema, beside mlp.yaml. */
export const schemaFileName = 'schemas/mlp.schema.json'

/** What stands in mlp.yaml; a whole Config is one that leaves nothing to defaults. */
export type ConfigFile = z.input<typeof fileSchema>

/** mlp.yaml's text, commented with what the schema says of each setting. */
export function printConfig(file: ConfigFile): string {
  const document = new Document(file)
  document.commentBefore = ` yaml-language-server: $schema=./${schemaFileName}`
  comment(document.contents, fileSchema, 2)
  return document.toString({ lineWidth: 110, singleQuote: true })
}

/** Descriptions go above their keys, `depth` levels deep: further down the names speak for themselves. */
function comment(node: unknown, schema: z.ZodType, depth: number): void {
  const object = unwrap(schema)
  if (!isMap(node) || !(object instanceof z.ZodObject) || depth === 0) return
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue
    const field: unknown = object.shape[String(key.value)]
    if (!(field instanceof z.ZodType)) continue
    const description = unwrap(field).description ?? field.description
    if (description !== undefined) key.commentBefore = ` ${description}`
    comment(value, field, depth - 1)
  }
}

function unwrap(schema: z.ZodType): z.ZodType {
  const inner: unknown =
    schema instanceof z.ZodOptional || schema instanceof z.ZodNullable ? schema.unwrap() : undefined
  return inner instanceof z.ZodType ? unwrap(inner) : schema
}
