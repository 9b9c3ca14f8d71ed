import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import * as z from 'zod'

/** terraform's type language, as in its schema JSON; the three providers use no dynamic and no tuple types. */
export type CtyType =
  | 'string'
  | 'number'
  | 'bool'
  | readonly ['list' | 'set' | 'map', CtyType]
  | readonly ['object', Readonly<Record<string, CtyType>>]

const ctyType: z.ZodType<CtyType> = z.lazy(() =>
  z.union([
    z.enum(['string', 'number', 'bool']),
    z.tuple([z.enum(['list', 'set', 'map']), ctyType]),
    z.tuple([z.literal('object'), z.record(z.string(), ctyType)]),
  ]),
)

const attributeSchema = z.strictObject({
  type: ctyType,
  required: z.boolean().default(false),
  optional: z.boolean().default(false),
  computed: z.boolean().default(false),
  sensitive: z.boolean().default(false),
  write_only: z.boolean().default(false),
  deprecated: z.boolean().default(false),
})
export type AttributeSchema = z.output<typeof attributeSchema>

export interface BlockSchema {
  readonly attributes: Readonly<Record<string, AttributeSchema>>
  readonly block_types: Readonly<Record<string, NestedBlockSchema>>
}
export interface NestedBlockSchema {
  readonly nesting_mode: 'list' | 'set' | 'single'
  readonly block: BlockSchema
  readonly min_items: number
  readonly max_items: number
}

const blockSchema: z.ZodType<BlockSchema> = z.lazy(() =>
  z.strictObject({
    attributes: z.record(z.string(), attributeSchema).default({}),
    block_types: z
      .record(
        z.string(),
        z.strictObject({
          nesting_mode: z.enum(['list', 'set', 'single']),
          block: blockSchema,
          min_items: z.int().default(0),
          max_items: z.int().default(0),
        }),
      )
      .default({}),
  }),
)

const versionedSchema = z.strictObject({ version: z.int().default(0), block: blockSchema })
export type VersionedSchema = z.output<typeof versionedSchema>

const schemaFile = z.object({
  provider: versionedSchema,
  resource_schemas: z.record(z.string(), z.unknown()),
  data_source_schemas: z.record(z.string(), z.unknown()),
})

const planFacts = z.object({
  force_new: z.array(z.string()).default([]),
  defaults: z.record(z.string(), z.unknown()).default({}),
})
/** What the real provider's own definition says beyond the schema; paths as 'block.attribute', indices left out. */
type PlanFacts = z.output<typeof planFacts>

export interface ResourceSchema extends VersionedSchema {
  readonly facts: PlanFacts
}

/** The official schemas of one provider, pruned to the types that the sandbox simulates. */
export interface ProviderSchemas {
  readonly provider: VersionedSchema
  readonly resources: ReadonlyMap<string, ResourceSchema>
  readonly dataSources: ReadonlyMap<string, VersionedSchema>
}

const folder = new URL('../../schemas/', import.meta.url)

/**
 * Reads the official schemas of a provider and keeps the given types only. Throws when a type is not in the official
 * schema, so that a behaviour for a type which does not exist cannot go unnoticed.
 */
export async function loadSchemas(
  provider: string,
  version: string,
  types: { readonly resources: readonly string[]; readonly dataSources: readonly string[] },
): Promise<ProviderSchemas> {
  const all = schemaFile.parse(await readGzippedJson(`${provider}-${version}.json.gz`))
  const facts = z
    .record(z.string(), z.unknown())
    .parse(await readGzippedJson(`${provider}-${version}.behaviour.json.gz`))
  const pick = (schemas: Readonly<Record<string, unknown>>, type: string): VersionedSchema => {
    const found = schemas[type]
    if (found === undefined) throw new Error(`provider ${provider} ${version} has no type ${type}`)
    return versionedSchema.parse(found)
  }
  return {
    provider: all.provider,
    resources: new Map(
      types.resources.map(type => [
        type,
        { ...pick(all.resource_schemas, type), facts: planFacts.parse(facts[type] ?? {}) },
      ]),
    ),
    dataSources: new Map(types.dataSources.map(type => [type, pick(all.data_source_schemas, type)])),
  }
}

async function readGzippedJson(name: string): Promise<unknown> {
  const compressed = await readFile(new URL(name, folder))
  return JSON.parse((await promisify(gunzip)(compressed)).toString('utf8'))
}
