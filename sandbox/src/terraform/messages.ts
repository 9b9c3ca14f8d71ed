import * as z from 'zod'
import type { BlockSchema, CtyType, VersionedSchema } from './schema.ts'
import { decodeValue, encodeValue, type Value, type ValueObject } from './value.ts'

/** Protobuf has decoded these already; the schemas give them types. */
const bytes = z.instanceof(Uint8Array)
const dynamicValue = z.object({ msgpack: bytes }).nullable()

export const emptyRequest = z.object({})
export const providerConfigRequest = z.object({ config: dynamicValue })
export const configureRequest = z.object({ terraform_version: z.string(), config: dynamicValue })
export const typedConfigRequest = z.object({ type_name: z.string(), config: dynamicValue })
export const upgradeRequest = z.object({ type_name: z.string(), raw_state: z.object({ json: bytes }) })
export const readRequest = z.object({ type_name: z.string(), current_state: dynamicValue, private: bytes })
export const planRequest = z.object({
  type_name: z.string(),
  prior_state: dynamicValue,
  proposed_new_state: dynamicValue,
  config: dynamicValue,
  prior_private: bytes,
})
export const applyRequest = z.object({
  type_name: z.string(),
  prior_state: dynamicValue,
  planned_state: dynamicValue,
  config: dynamicValue,
  planned_private: bytes,
})
export const importRequest = z.object({ type_name: z.string(), id: z.string() })

export type DynamicValue = z.output<typeof dynamicValue>

export function fromWire(block: BlockSchema, value: DynamicValue): ValueObject | null {
  return value === null ? null : decodeValue(block, value.msgpack)
}

export function toWire(value: Value): { readonly msgpack: Uint8Array } {
  return { msgpack: encodeValue(value) }
}

export interface Diagnostic {
  readonly severity: 'ERROR' | 'WARNING'
  readonly summary: string
  readonly detail: string
  readonly attribute?: { readonly steps: readonly object[] }
}

export function errorDiagnostic(summary: string, detail = '', path?: string): Diagnostic {
  const steps = (path ?? '')
    .split('.')
    .filter(part => part !== '')
    .map(part => (/^\d+$/.test(part) ? { element_key_int: Number(part) } : { attribute_name: part }))
  return { severity: 'ERROR', summary, detail, ...(steps.length === 0 ? {} : { attribute: { steps } }) }
}

/** A schema as GetProviderSchema gives it. */
export function schemaMessage(schema: VersionedSchema): object {
  return { version: schema.version, block: blockMessage(schema.block, schema.version) }
}

function blockMessage(block: BlockSchema, version = 0): object {
  return {
    version,
    attributes: Object.entries(block.attributes).map(([name, { type, ...flags }]) => ({
      name,
      type: typeJson(type),
      ...flags,
    })),
    block_types: Object.entries(block.block_types).map(([type_name, nested]) => ({
      type_name,
      block: blockMessage(nested.block),
      nesting: nested.nesting_mode.toUpperCase(),
      min_items: nested.min_items,
      max_items: nested.max_items,
    })),
  }
}

function typeJson(type: CtyType): Uint8Array {
  return Buffer.from(JSON.stringify(type))
}
