import type { BlockSchema, CtyType } from '../../src/terraform/schema.ts'
import {
  conformBlock,
  dropForeign,
  isList,
  isObject,
  type Value,
  type ValueObject,
} from '../../src/terraform/value.ts'

type Stored = Readonly<Record<string, unknown>>

/** What terraform's state holds of a stored resource. */
export function stateOf(block: BlockSchema, attributes: Stored): ValueObject {
  return conformBlock(block, dropForeign(block, attributes))
}

/** A configuration that asks for just what is there. */
export function configOf(block: BlockSchema, attributes: Stored): ValueObject {
  return configurable(block, stateOf(block, attributes))
}

function configurable(block: BlockSchema, value: ValueObject): ValueObject {
  const attributes = Object.entries(block.attributes).map(([name, attribute]) => {
    const mayBeSet = name !== 'id' && (attribute.required || attribute.optional)
    return [name, mayBeSet ? (value[name] ?? null) : null] as const
  })
  const blocks = Object.entries(block.block_types).map(([name, nested]) => {
    const inside = value[name] ?? null
    if (isList(inside))
      return [name, inside.filter(isObject).map(item => configurable(nested.block, item))] as const
    return [name, isObject(inside) ? configurable(nested.block, inside) : inside] as const
  })
  return Object.fromEntries([...attributes, ...blocks])
}

/** Whether the schema has what a dotted path names; list indices are left out in paths. */
export function isInSchema(block: BlockSchema, path: string): boolean {
  const [name = '', ...rest] = path.split('.')
  const nested = block.block_types[name]
  if (nested === undefined) return isInType(block.attributes[name]?.type, rest)
  return rest.length === 0 || isInSchema(nested.block, rest.join('.'))
}

/** Blocks that the provider treats as attributes are attributes of lists of objects here. */
function isInType(type: CtyType | undefined, path: readonly string[]): boolean {
  if (type === undefined || path.length === 0) return type !== undefined
  if (!Array.isArray(type)) return false
  const [kind, inside] = type
  return kind === 'object' ? isInType(inside[path[0] ?? ''], path.slice(1)) : isInType(inside, path)
}

/** How a plan names a path: the elements of a set have no address of their own, so the set's stands for them. */
export function addressOf(block: BlockSchema, path: string): string {
  const [name = '', ...rest] = path.split('.')
  const nested = block.block_types[name]
  if (nested === undefined || nested.nesting_mode === 'set' || rest.length === 0) return name
  return `${name}.${addressOf(nested.block, rest.join('.'))}`
}

/** The configuration with another value at a path; undefined where nothing is configured there. */
export function changedAt(block: BlockSchema, config: ValueObject, path: string): ValueObject | undefined {
  const [name = '', ...rest] = path.split('.')
  const value = config[name]
  if (value === undefined || value === null) return undefined
  const nested = block.block_types[name]
  if (nested === undefined) {
    const other = otherThan(value)
    return other === undefined ? undefined : { ...config, [name]: other }
  }
  if (rest.length === 0) return undefined
  const inside = isList(value) ? value : [value]
  const [first] = inside
  const changed = isObject(first) ? changedAt(nested.block, first, rest.join('.')) : undefined
  if (changed === undefined) return undefined
  return { ...config, [name]: isList(value) ? [changed, ...inside.slice(1)] : changed }
}

function otherThan(value: Value): Value | undefined {
  if (typeof value === 'string') return `${value}-other`
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (isList(value)) return value.every(item => typeof item === 'string') ? [...value, 'other'] : undefined
  return undefined
}
