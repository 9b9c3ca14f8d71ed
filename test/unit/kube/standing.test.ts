import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../../../src/engine/json.ts'
import type { KubeObject } from '../../../src/kube/objects.ts'
import { standsAsDeclared } from '../../../src/kube/standing.ts'

const declared: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'facts', namespace: 'default', labels: { 'mlp.dev/step': 'facts' } },
  data: { region: 'here', level: 'INFO' },
}
const owned: Json = {
  'f:metadata': { 'f:labels': { 'f:mlp.dev/step': {} } },
  'f:data': { 'f:region': {}, 'f:level': {} },
}

/** What a cluster answers for `declared`, with these changes of its own. */
function live(change: { data?: Json; labels?: Record<string, string>; owned?: Json; entry?: object } = {}) {
  const entry = { manager: 'mlp', operation: 'Apply', apiVersion: 'v1', fieldsV1: change.owned ?? owned }
  return {
    ...declared,
    metadata: {
      ...declared.metadata,
      uid: '1',
      labels: change.labels ?? { 'mlp.dev/step': 'facts' },
      managedFields: [
        { ...entry, ...change.entry },
        { manager: 'kubectl', operation: 'Update', apiVersion: 'v1', fieldsV1: { 'f:data': { 'f:x': {} } } },
      ],
    },
    data: change.data ?? { region: 'here', level: 'INFO' },
  } satisfies KubeObject
}

test('an object with the declared values, all of them ours and none besides, stands', () => {
  expect(standsAsDeclared(declared, live())).toBe(true)
})

test('fields of others do not matter', () => {
  expect(standsAsDeclared(declared, live({ data: { region: 'here', level: 'INFO', x: 'theirs' } }))).toBe(
    true,
  )
  expect(standsAsDeclared(declared, live({ labels: { 'mlp.dev/step': 'facts', theirs: 'too' } }))).toBe(true)
})

test.each<[string, Parameters<typeof live>[0]]>([
  ['another value', { data: { region: 'here', level: 'DEBUG' } }],
  ['a value that is gone', { data: { region: 'here' } }],
  ['a label that is gone', { labels: {} }],
  ['a field that is not ours any more', { owned: { ...owned, 'f:data': { 'f:region': {} } } }],
  [
    'a field of ours that is declared no longer',
    {
      owned: { ...owned, 'f:data': { 'f:region': {}, 'f:level': {}, 'f:old': {} } },
      data: { region: 'here', level: 'INFO', old: 'left' },
    },
  ],
  ['ours by an update, not by an apply', { entry: { operation: 'Update' } }],
  ['ours under another version of the API', { entry: { apiVersion: 'v2' } }],
  ['ours of a part of it', { entry: { subresource: 'status' } }],
  ['notes that are not understood', { owned: { ...owned, 'f:data': { 'k:{"name":"a"}': {} } } }],
  ['no notes', { entry: { fieldsV1: undefined } }],
])('is left to the API server: %s', (_what, change) => {
  expect(standsAsDeclared(declared, live(change))).toBe(false)
})

test.each<[string, Json, number, boolean]>([
  ['the same as a whole', { 'f:parts': {} }, 1, true],
  ['another as a whole', { 'f:parts': {} }, 2, false],
  ['owned item by item', { 'f:parts': { 'k:{"name":"a"}': { 'f:name': {}, 'f:value': {} } } }, 1, false],
])('a list that is %s', (_what, ownedSpec, value, stands) => {
  const metadata = { name: 'facts' }
  const entry = { manager: 'mlp', operation: 'Apply', apiVersion: 'v1', fieldsV1: { 'f:spec': ownedSpec } }
  const wanted = { apiVersion: 'v1', kind: 'Any', metadata, spec: { parts: [{ name: 'a', value: 1 }] } }
  const found = {
    ...wanted,
    metadata: { ...metadata, managedFields: [entry] },
    spec: { parts: [{ name: 'a', value }] },
  }
  expect(standsAsDeclared(wanted, found)).toBe(stands)
})

test('whichever value is changed, it does not stand', () => {
  const words = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string(), { minKeys: 1, maxKeys: 6 })
  fc.assert(
    fc.property(words, fc.nat(), fc.string(), (data, which, other) => {
      const keys = Object.keys(data)
      const key = keys[which % keys.length] ?? ''
      fc.pre(data[key] !== other)
      const fields = Object.fromEntries(keys.map(name => [`f:${name}`, {}]))
      const wanted = { ...declared, data }
      const stands = (now: Json) =>
        standsAsDeclared(wanted, live({ owned: { ...owned, 'f:data': fields }, data: now }))
      expect(stands(data)).toBe(true)
      expect(stands({ ...data, [key]: other })).toBe(false)
    }),
  )
})
