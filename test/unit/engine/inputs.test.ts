import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalJson,
  describeChanges,
  hashOf,
  secretInput,
  withoutSecrets,
} from '../../../src/engine/inputs.ts'
import type { Json, JsonObject } from '../../../src/engine/json.ts'

const { value } = fc.letrec<{ value: Json }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))

const isObject = (json: Json): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json)

/** The same value with the keys of every mapping the other way round. */
function turned(json: Json): Json {
  if (Array.isArray(json)) return json.map(turned)
  if (!isObject(json)) return json
  const fields = Object.entries(json).map(([key, inner]) => [key, turned(inner ?? null)] as const)
  return Object.fromEntries(fields.toReversed())
}

describe('the same inputs', () => {
  test('are the same text and hash, whatever the order of their keys, at any depth', () => {
    fc.assert(
      fc.property(value, json => {
        expect(canonicalJson(turned(json))).toBe(canonicalJson(json))
        expect(hashOf(turned(json))).toBe(hashOf(json))
        expect(JSON.parse(canonicalJson(json))).toEqual(json)
      }),
    )
  })

  test('have no changes to tell, and others have', () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        const same = canonicalJson(one) === canonicalJson(other)
        expect(describeChanges(one, turned(one))).toEqual([])
        expect(describeChanges(one, other).length > 0).toBe(!same)
      }),
    )
  })

  test('may have keys without a value, which do not count', () => {
    expect(hashOf({ a: 1, b: undefined })).toBe(hashOf({ a: 1 }))
    expect(describeChanges({ a: 1, b: undefined }, { a: 1 })).toEqual([])
  })
})

describe('what changed is told', () => {
  test.each<[string, Json, Json, readonly string[]]>([
    ['a value', { nodes: { max: 10 } }, { nodes: { max: 12 } }, ['nodes.max 10 -> 12']],
    ['a new key', { a: 1 }, { a: 1, b: { c: true } }, ['b added: {"c":true}']],
    ['a key that is gone', { a: 1, b: 2 }, { a: 1 }, ['b removed']],
    ['one of a list', { zones: ['a', 'b'] }, { zones: ['a', 'c'] }, ['zones[1] b -> c']],
    ['a list that grew', { zones: ['a'] }, { zones: ['a', 'b'] }, ['zones ["a"] -> ["a","b"]']],
    ['another kind of value', { a: 'x' }, { a: { b: 1 } }, ['a x -> {"b":1}']],
    ['the whole', 1, 2, ['inputs 1 -> 2']],
    ['a key that every object has', { a: 1 }, { a: 1, toString: 'x' }, ['toString added: x']],
    ['a text of 40 characters', { a: '' }, { a: 'x'.repeat(40) }, [`a  -> ${'x'.repeat(40)}`]],
    ['a longer one, cut', { a: '' }, { a: 'x'.repeat(41) }, [`a  -> ${'x'.repeat(39)}…`]],
    ['several, by name', { b: 1, a: 1 }, { b: 2, a: 2 }, ['a 1 -> 2', 'b 1 -> 2']],
  ])('%s', (_name, before, after, expected) => {
    expect(describeChanges(before, after)).toEqual(expected)
  })
})

describe('a secret', () => {
  const key = randomBytes(32)
  const stored = (inputs: Json) => withoutSecrets(inputs, key)

  test('is written down nowhere, in no depth, and nothing else is lost', () => {
    fc.assert(
      fc.property(value, fc.stringMatching(/^secret-[a-z0-9]{12}$/), (json, secret) => {
        const kept = stored({ json, list: [secretInput(secret), { deep: secretInput(secret) }] })
        expect(JSON.stringify(kept)).not.toContain(secret)
        expect(kept).toMatchObject({ json })
      }),
    )
  })

  test('is told apart from another one, and by nobody who has another key', () => {
    expect(stored(secretInput('one'))).toEqual(stored(secretInput('one')))
    expect(stored(secretInput('one'))).not.toEqual(stored(secretInput('two')))
    expect(stored(secretInput('one'))).not.toEqual(withoutSecrets(secretInput('one'), randomBytes(32)))
  })

  test.each<[string, Json, Json, readonly string[]]>([
    ['changed', secretInput('one'), secretInput('two'), ['password (a secret) changed']],
    ['where there was none', null, secretInput('one'), ['password null -> (a secret)']],
    ['no more', secretInput('one'), 'by identity', ['password (a secret) -> by identity']],
    ['in the place of a mapping', { from: 'vault' }, secretInput('one'), ['password (a secret) changed']],
  ])('%s is told without its value or its hash', (_name, before, after, expected) => {
    const changes = describeChanges(stored({ password: before }), stored({ password: after }))
    expect(changes).toEqual(expected)
  })

  test('that is added is told without its hash', () => {
    expect(describeChanges({}, stored({ password: secretInput('one') }))).toEqual([
      'password added: (a secret)',
    ])
  })
})
