#!/usr/bin/env node
// Turns `terraform providers schema -json` (stdin) into the schema facts kept beside this file (stdout):
// every resource type and data source with its attributes' types and flags and its nested blocks; no descriptions.
// usage: terraform providers schema -json | node prune.mjs | gzip -9n > aws-5.100.0.json.gz
import { readFileSync } from 'node:fs'

const attribute = a => {
  const kept = {}
  if (a.type !== undefined) kept.type = a.type
  if (a.nested_type) {
    kept.nested_type = {
      nesting_mode: a.nested_type.nesting_mode,
      attributes: mapValues(a.nested_type.attributes, attribute),
    }
  }
  for (const flag of ['required', 'optional', 'computed', 'sensitive', 'write_only', 'deprecated'])
    if (a[flag]) kept[flag] = true
  return kept
}
const block = b => {
  const kept = {}
  if (b.attributes) kept.attributes = mapValues(b.attributes, attribute)
  if (b.block_types) {
    kept.block_types = mapValues(b.block_types, t => {
      const nested = { nesting_mode: t.nesting_mode, block: block(t.block) }
      if (t.min_items) nested.min_items = t.min_items
      if (t.max_items) nested.max_items = t.max_items
      return nested
    })
  }
  return kept
}
const mapValues = (object, f) => Object.fromEntries(Object.entries(object ?? {}).map(([k, v]) => [k, f(v)]))
const schema = s => ({ version: s.version, block: block(s.block) })

const [provider] = Object.values(JSON.parse(readFileSync(0, 'utf8')).provider_schemas)
process.stdout.write(
  JSON.stringify({
    provider: schema(provider.provider),
    resource_schemas: mapValues(provider.resource_schemas, schema),
    data_source_schemas: mapValues(provider.data_source_schemas, schema),
  }),
)
