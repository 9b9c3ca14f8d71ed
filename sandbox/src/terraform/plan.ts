import type { AttributeSchema, BlockSchema, NestedBlockSchema, ResourceSchema } from './schema.ts'
import { isList, isObject, isUnknown, unknown, type Value, type ValueObject } from './value.ts'

/** What decides a plan beside configuration and prior state. */
export interface PlanRules {
  readonly schema: ResourceSchema
  /** Attributes that become unknown when another one changes: `{ 'tags_all': ['tags'] }`. */
  readonly recomputedOn: Readonly<Record<string, readonly string[]>>
  /** Dotted paths of blocks that the cloud fills in where the configuration has none: unknown until applied. */
  readonly computedBlocks: ReadonlySet<string>
  /** Whether a block that the state holds and the configuration lacks came from the cloud, so that it stays. */
  keepsBlock(path: string): boolean
}

/**
 * The planned state, as the providers' SDK makes it: configured values, else defaults, else for computed attributes
 * what the state holds (unknown on create), else null. A configuration that means the same as the state plans the
 * state itself, so that a plan without change is empty.
 */
export function planResource(rules: PlanRules, config: ValueObject, prior: ValueObject | null): ValueObject {
  const planned = planBlock(rules.schema.block, config, prior, '', rules)
  if (prior === null) return planned
  return Object.entries(rules.recomputedOn).reduce((state, [attribute, causes]) => {
    const changed = causes.some(cause => !same(valueAt(state, cause), valueAt(prior, cause)))
    return changed ? markUnknown(state, config, attribute.split('.')) : state
  }, planned)
}

function planBlock(
  block: BlockSchema,
  config: ValueObject,
  prior: ValueObject | null,
  path: string,
  rules: PlanRules,
): ValueObject {
  const attributes = Object.entries(block.attributes).map(([name, attribute]) => {
    const fallback = rules.schema.facts.defaults[join(path, name)]
    return [name, planAttribute(attribute, config[name] ?? null, prior?.[name], fallback)] as const
  })
  const blocks = Object.entries(block.block_types).map(([name, nested]) => {
    const at = join(path, name)
    return [name, planNested(nested, config[name] ?? null, prior?.[name], at, rules)] as const
  })
  return Object.fromEntries([...attributes, ...blocks])
}

/** `prior` is undefined where the object that holds the attribute is new. */
function planAttribute(
  attribute: AttributeSchema,
  config: Value,
  prior: Value | undefined,
  fallback: unknown,
): Value {
  if (attribute.write_only) return null
  if (config !== null) return prior !== undefined && meansTheSame(config, prior) ? prior : config
  if (isDefault(fallback)) return fallback
  if (attribute.computed) return prior === undefined ? unknown : prior
  return prior !== undefined && isZero(prior) ? prior : null
}

function isDefault(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function planNested(
  nested: NestedBlockSchema,
  config: Value,
  prior: Value | undefined,
  path: string,
  rules: PlanRules,
): Value {
  if (isUnknown(config)) return unknown
  if (nested.nesting_mode === 'single') {
    if (!isObject(config)) return null
    return planBlock(nested.block, config, isObject(prior) ? prior : null, path, rules)
  }
  const items = isList(config) ? config : []
  const before = isList(prior) ? prior : []
  if (items.length === 0) {
    if (prior === undefined) return rules.computedBlocks.has(path) ? unknown : []
    return rules.computedBlocks.has(path) || rules.keepsBlock(path) ? prior : []
  }
  if (nested.nesting_mode === 'list')
    return items.map((item, index) => planItem(nested.block, item, before[index], path, rules))

  return planSet(nested.block, items, before, path, rules)
}

/**
 * An element of a set has no place of its own: it is the old one when planning it over the old one changes nothing.
 * The most specific elements choose first, since one that leaves a computed attribute open fits several.
 */
function planSet(
  block: BlockSchema,
  items: readonly Value[],
  before: readonly Value[],
  path: string,
  rules: PlanRules,
): readonly Value[] {
  const left = [...before]
  const planned = items
    .toSorted((a, b) => specificity(b) - specificity(a))
    .map(item => {
      const match = left.findIndex(old => same(planItem(block, item, old, path, rules), old))
      const [old] = match === -1 ? [] : left.splice(match, 1)
      return old ?? planItem(block, item, undefined, path, rules)
    })
  return left.length === 0 && same(planned.toSorted(byText), before.toSorted(byText)) ? before : planned
}

/** How many values are given. */
function specificity(value: Value): number {
  if (isList(value)) return value.reduce<number>((sum, item) => sum + specificity(item), 0)
  if (isObject(value)) return Object.values(value).reduce<number>((sum, item) => sum + specificity(item), 0)
  return value === null ? 0 : 1
}

function planItem(
  block: BlockSchema,
  config: Value,
  prior: Value | undefined,
  path: string,
  rules: PlanRules,
): Value {
  return isObject(config) ? planBlock(block, config, isObject(prior) ? prior : null, path, rules) : config
}

/** The SDK cannot tell an absent value from its type's zero value. */
function isZero(value: Value): boolean {
  if (value === null || value === '' || value === 0 || value === false) return true
  if (isList(value)) return value.length === 0
  return isObject(value) && Object.keys(value).length === 0
}

/** Whether a configured value asks for what the state already holds. */
export function meansTheSame(config: Value, prior: Value): boolean {
  if (config === null) return isZero(prior)
  if (isUnknown(config)) return false
  if (isList(config)) {
    if (!isList(prior) || config.length !== prior.length) return false
    return config.every((item, index) => meansTheSame(item, prior[index] ?? null)) || sameItems(config, prior)
  }
  if (isObject(config)) {
    if (!isObject(prior)) return false
    const names = new Set([...Object.keys(config), ...Object.keys(prior)])
    return [...names].every(name => meansTheSame(config[name] ?? null, prior[name] ?? null))
  }
  return config === prior
}

/** Sets arrive in any order. */
function sameItems(config: readonly Value[], prior: readonly Value[]): boolean {
  const left = [...prior]
  return config.every(item => {
    const match = left.findIndex(old => meansTheSame(item, old))
    if (match === -1) return false
    left.splice(match, 1)
    return true
  })
}

/** Equal in every detail, unknown values included. */
export function same(a: Value | undefined, b: Value | undefined): boolean {
  if (isUnknown(a) || isUnknown(b)) return isUnknown(a) && isUnknown(b)
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, index) => same(item, b[index]))
  if (!isObject(a) || !isObject(b)) return a === b
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => same(a[name], b[name]))
}

function byText(a: Value, b: Value): number {
  const [first, second] = [JSON.stringify(a), JSON.stringify(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

/** Values below a dotted path; numbers are indices, and lists without one are looked through. */
function valueAt(value: Value | undefined, path: string): Value {
  const [name, ...rest] = path.split('.')
  if (name === undefined || name === '') return value ?? null
  if (isList(value)) {
    if (/^\d+$/.test(name))
      return rest.length === 0 ? (value[Number(name)] ?? null) : valueAt(value[Number(name)], rest.join('.'))
    return value.map(item => valueAt(item, path))
  }
  if (!isObject(value)) return value !== undefined && isUnknown(value) ? unknown : null
  return rest.length === 0 ? (value[name] ?? null) : valueAt(value[name], rest.join('.'))
}

function markUnknown(
  state: ValueObject,
  config: ValueObject,
  [name, ...rest]: readonly string[],
): ValueObject {
  if (name === undefined) return state
  const configured = config[name] ?? null
  const current = state[name]
  if (rest.length === 0) return configured === null ? { ...state, [name]: unknown } : state
  const below = /^\d+$/.test(rest[0] ?? '') ? rest.slice(1) : rest
  const mark = (item: Value, own: Value | undefined) =>
    isObject(item) ? markUnknown(item, isObject(own) ? own : {}, below) : item
  if (isList(current)) {
    const own = isList(configured) ? configured : []
    return { ...state, [name]: current.map((item, index) => mark(item, own[index])) }
  }
  return isObject(current) ? { ...state, [name]: mark(current, configured) } : state
}

export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
