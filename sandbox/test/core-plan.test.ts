import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { meansTheSame, planResource, same } from '../src/terraform/plan.ts'
import { requiresReplace } from '../src/terraform/replace.ts'
import {
  type BlockSchema,
  type CtyType,
  loadSchemas,
  type NestedBlockSchema,
} from '../src/terraform/schema.ts'
import {
  conformBlock,
  decodeValue,
  encodeValue,
  isList,
  isObject,
  isUnknown,
  unknown,
  type Value,
  type ValueObject,
} from '../src/terraform/value.ts'

/** Types with deep blocks, sets of blocks and attributes that are sets of objects. */
const providers = [
  {
    provider: 'aws',
    version: '5.100.0',
    types: ['aws_eks_cluster', 'aws_security_group', 'aws_launch_template', 'aws_autoscaling_group'],
  },
  {
    provider: 'google',
    version: '7.45.0',
    types: ['google_sql_database_instance', 'google_compute_subnetwork'],
  },
  { provider: 'azurerm', version: '5.2.0', types: ['azurerm_kubernetes_cluster', 'azurerm_storage_account'] },
] as const

const text = fc.string({ minLength: 1, maxLength: 6 })

function anyOf(type: CtyType): fc.Arbitrary<Value> {
  if (type === 'string') return text
  // terraform knows no negative zero.
  if (type === 'number')
    return fc.oneof(
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(number => number + 0),
    )
  if (type === 'bool') return fc.boolean()
  if (type[0] === 'map') return fc.dictionary(text, anyOf(type[1]), { maxKeys: 2, noNullPrototype: true })
  if (type[0] === 'object') {
    const fields = Object.entries(type[1]).map(([name, one]) => [name, fc.option(anyOf(one))] as const)
    return fc.record(Object.fromEntries<fc.Arbitrary<Value>>(fields))
  }
  const items = fc.array(anyOf(type[1]), { maxLength: 2 })
  return type[0] === 'set' ? items.map(distinct) : items
}

/** Terraform's sets hold no two elements that mean the same. */
function distinct(items: readonly Value[]): readonly Value[] {
  return items.filter((item, index) =>
    items.slice(0, index).every(other => !meansTheSame(item, other) && !meansTheSame(other, item)),
  )
}

/** What a person may write: nothing computed, nothing write-only. */
function configOf(block: BlockSchema, depth = 0): fc.Arbitrary<ValueObject> {
  const attributes = Object.entries(block.attributes).map(([name, attribute]) => {
    if (attribute.write_only || !(attribute.required || attribute.optional))
      return [name, fc.constant(null)] as const
    const value = anyOf(attribute.type)
    return [name, attribute.required ? value : fc.option(value, { freq: 1 })] as const
  })
  const blocks = Object.entries(block.block_types).map(
    ([name, nested]) => [name, nestedOf(nested, depth)] as const,
  )
  return fc.record(Object.fromEntries<fc.Arbitrary<Value>>([...attributes, ...blocks]))
}

function nestedOf(nested: NestedBlockSchema, depth: number): fc.Arbitrary<Value> {
  if (nested.nesting_mode === 'single')
    return depth > 2 ? fc.constant(null) : fc.option(configOf(nested.block, depth + 1))
  if (depth > 2) return fc.constant([])
  const most = nested.max_items === 1 ? 1 : 2
  return fc
    .array(configOf(nested.block, depth + 1), { maxLength: most })
    .map(items => (nested.nesting_mode === 'set' ? distinct(items) : items))
}

/** The same configuration written the other way round. */
function setsReversed(block: BlockSchema, value: ValueObject): ValueObject {
  const turned = (name: string, item: Value): Value => {
    const [nested, type] = [block.block_types[name], block.attributes[name]?.type]
    const isSet = nested?.nesting_mode === 'set' || type?.[0] === 'set'
    const inner = (one: Value) =>
      nested !== undefined && isObject(one) ? setsReversed(nested.block, one) : one
    if (!isList(item)) return inner(item)
    return isSet ? item.map(inner).toReversed() : item.map(inner)
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, turned(name, item)]))
}

/** What the cloud makes of a plan: every unknown value becomes known. */
function applied(planned: Value): Value {
  if (isUnknown(planned)) return null
  if (isList(planned)) return planned.map(applied)
  return isObject(planned)
    ? Object.fromEntries(Object.entries(planned).map(([name, value]) => [name, applied(value)]))
    : planned
}

describe.each(providers)('plans of $provider', async ({ provider, version, types }) => {
  const schemas = await loadSchemas(provider, version, { resources: types, dataSources: [] })

  test.each(types)('%s: what was applied is planned again as it is, in any order of its sets', type => {
    const schema = schemas.resources.get(type)
    if (schema === undefined) throw new Error(`no schema of ${type}`)
    const rules = { schema, recomputedOn: {}, computedBlocks: new Set<string>(), keepsBlock: () => true }
    fc.assert(
      fc.property(configOf(schema.block), raw => {
        const config = conformBlock(schema.block, raw)
        const state = applied(planResource(rules, config, null))
        if (!isObject(state)) throw new Error('a plan is an object')
        const again = planResource(rules, setsReversed(schema.block, config), state)
        expect(same(again, state)).toBe(true)
        const replace = requiresReplace(schema.block, schema.facts.force_new, {
          config,
          planned: again,
          prior: state,
        })
        expect(replace).toEqual([])
      }),
      { numRuns: 30 },
    )
  })

  test.each(types)('%s: values survive the wire, unknown ones too', type => {
    const schema = schemas.resources.get(type)
    if (schema === undefined) throw new Error(`no schema of ${type}`)
    const rules = { schema, recomputedOn: {}, computedBlocks: new Set<string>(), keepsBlock: () => true }
    fc.assert(
      fc.property(configOf(schema.block), raw => {
        const planned = planResource(rules, conformBlock(schema.block, raw), null)
        expect(decodeValue(schema.block, encodeValue(planned))).toEqual(planned)
      }),
      { numRuns: 30 },
    )
  })
})

test('an unknown value is what go-cty writes, refined or not', () => {
  expect([...encodeValue(unknown)]).toEqual([0xd4, 0, 0])
  const block: BlockSchema = {
    attributes: {
      a: {
        type: 'string',
        required: false,
        optional: true,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
      },
    },
    block_types: {},
  }
  // { "a": unknown, refined to be not null }: extension 12 holding the map { 1: false }.
  const refined = Uint8Array.from([0x81, 0xa1, 0x61, 0xc7, 3, 12, 0x81, 1, 0xc2])
  expect(decodeValue(block, refined)).toEqual({ a: unknown })
})

test('a value that the official schema does not know is a mistake of the sandbox, named by its path', async () => {
  const { resources } = await loadSchemas('aws', '5.100.0', {
    resources: ['aws_eks_cluster'],
    dataSources: [],
  })
  const block = resources.get('aws_eks_cluster')?.block
  if (block === undefined) throw new Error('no schema')
  expect(() => conformBlock(block, { name: 5 })).toThrow(/^name: is number, the official schema says string/)
  expect(() => conformBlock(block, { vpc_config: [{ nonsense: 1 }] })).toThrow(/^vpc_config\.0\.nonsense: /)
  expect(() => conformBlock(block, { vpc_config: {} })).toThrow(/array of objects/)
  expect(conformBlock(block, { name: 'a', _own: 1 })).not.toHaveProperty('_own')
})

test('a type that the provider does not have cannot be simulated', async () => {
  await expect(
    loadSchemas('aws', '5.100.0', { resources: ['aws_nonsense'], dataSources: [] }),
  ).rejects.toThrow(/aws_nonsense/)
})
