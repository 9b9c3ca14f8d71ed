import { expect, test } from 'vitest'
import { redactSecrets } from '../src/redact-secrets.ts'

test('secrets at any depth, under any spelling of their names', () => {
  const headers = {
    Authorization: 'hunter2',
    'x-api-key': 'hunter2',
    'Set-Cookie': ['hunter2'],
    accept: 'a/b',
  }
  const logged = redactSecrets({
    headers,
    clients: [{ name: 'a', api_key: 'hunter2' }, { options: { deep: { accessToken: 'hunter2' } } }],
    password: { nested: 'hunter2' },
    durationMs: 7,
  })
  expect(JSON.stringify(logged)).not.toContain('hunter2')
  expect(logged).toMatchObject({
    headers: { Authorization: '[redacted]', accept: 'a/b' },
    clients: [{ name: 'a', api_key: '[redacted]' }, {}],
    durationMs: 7,
  })
  // What is logged elsewhere is not changed.
  expect(headers.Authorization).toBe('hunter2')
})

test('the same object where there is nothing to replace', () => {
  const value = { tokens: 7, list: [{ a: 1 }], at: new Date(0), error: new Error('a') }
  expect(redactSecrets(value)).toBe(value)
})

test('an object that holds itself', () => {
  const value: Record<string, unknown> = { password: 'hunter2' }
  value['self'] = value
  expect(JSON.stringify(redactSecrets(value))).not.toContain('hunter2')
})
