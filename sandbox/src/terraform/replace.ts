import { meansTheSame, same } from './plan.ts'
import type { BlockSchema } from './schema.ts'
import { isList, isObject, isUnknown, type Value, type ValueObject } from './value.ts'

type PathStep = { readonly attribute_name: string } | { readonly element_key_int: number }
export type Path = readonly PathStep[]

/**
 * Where the planned state changes something that the cloud cannot change in place. `forceNew` paths are the
 * provider's own ('vpc_config.subnet_ids'); the result names the element ('vpc_config', 0, 'subnet_ids'), and stops at
 * a set, whose elements have no address.
 */
export function requiresReplace(
  block: BlockSchema,
  forceNew: readonly string[],
  states: { readonly config: ValueObject; readonly planned: ValueObject; readonly prior: ValueObject },
): readonly Path[] {
  return forceNew.flatMap(path =>
    changedPaths(block, path.split('.'), states.config, states.planned, states.prior, []),
  )
}

function changedPaths(
  block: BlockSchema,
  [name, ...rest]: readonly string[],
  config: ValueObject,
  planned: ValueObject,
  prior: ValueObject,
  above: Path,
): readonly Path[] {
  if (name === undefined) return []
  const here: Path = [...above, { attribute_name: name }]
  const [after, before, configured] = [planned[name] ?? null, prior[name] ?? null, config[name] ?? null]
  const nested = block.block_types[name]
  if (nested === undefined) return isChanged(configured, after, before) ? [here] : []

  const [afterItems, beforeItems, configuredItems] = [items(after), items(before), items(configured)]
  if (isUnknown(after)) return configured === null || configuredItems.length === 0 ? [] : [here]
  if (nested.nesting_mode === 'set') return same(after, before) ? [] : [here]
  if (rest.length === 0) return afterItems.length === beforeItems.length ? [] : [here]
  return Array.from({ length: Math.max(afterItems.length, beforeItems.length) }).flatMap((_, index) => {
    const step: Path = nested.nesting_mode === 'list' ? [...here, { element_key_int: index }] : here
    return changedPaths(
      nested.block,
      rest,
      object(configuredItems[index]),
      object(afterItems[index]),
      object(beforeItems[index]),
      step,
    )
  })
}

/** A computed value that is only not known yet is no reason to replace; one that the configuration asks for is. */
function isChanged(configured: Value, after: Value, before: Value): boolean {
  if (isUnknown(after)) return configured !== null
  return !meansTheSame(after, before)
}

function items(value: Value): readonly Value[] {
  if (isList(value)) return value
  return isObject(value) ? [value] : []
}

function object(value: Value | undefined): ValueObject {
  return isObject(value) ? value : {}
}
