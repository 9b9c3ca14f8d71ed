import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../engine/json.ts'
import { fieldManager } from './client.ts'
import type { KubeObject } from './objects.ts'

/**
 * Whether to apply `declared` once more would change nothing, as far as the live object alone tells it: it has every
 * declared value, and the fields that mlp owns are exactly the declared ones, so that the API server would neither set
 * nor remove any. False also where only the API server can tell: lists whose items have keys, values it writes in
 * another way than we do.
 */
export function standsAsDeclared(declared: KubeObject, live: KubeObject): boolean {
  const ours = (live.metadata.managedFields ?? []).filter(
    ({ manager, operation }) => manager === fieldManager && operation === 'Apply',
  )
  const [entry, ...others] = ours
  if (entry === undefined || others.length > 0 || entry['subresource'] !== undefined) return false
  if (entry['apiVersion'] !== declared.apiVersion) return false
  return standsIn(entry['fieldsV1'], fieldsOf(declared), live)
}

/** What names an object is nobody's field. */
function fieldsOf({ apiVersion: _apiVersion, kind: _kind, metadata, ...rest }: KubeObject): Json {
  const { name: _name, namespace: _namespace, ...named } = metadata
  return Object.keys(named).length === 0 ? rest : { ...rest, metadata: named }
}

/** `owned` in the API server's own notation, FieldsV1: `f:<field>` for each, `.` for the map itself. */
function standsIn(owned: Json | undefined, declared: Json | undefined, live: Json | undefined): boolean {
  if (!isMap(owned)) return false
  const keys = Object.keys(owned).filter(key => key !== '.')
  if (keys.length === 0) return isDeepStrictEqual(declared, live)
  if (!isMap(declared) || !isMap(live) || !keys.every(key => key.startsWith('f:'))) return false
  const wanted = Object.keys(declared).filter(field => declared[field] !== undefined)
  return (
    wanted.length === keys.length &&
    wanted.every(field => standsIn(owned[`f:${field}`], declared[field], live[field]))
  )
}

function isMap(value: Json | undefined): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
