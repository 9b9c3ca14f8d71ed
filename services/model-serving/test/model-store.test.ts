import { expect, test } from 'vitest'
import { RequestRefused } from '../src/errors.ts'
import { createModelStore, type WantedModel, type WantedVersion } from '../src/repository/model-store.ts'

const noEvents = { loaded() {}, failed() {}, unloaded() {} }

function version(number: string, open: WantedVersion['open']): WantedVersion {
  return { version: number, identity: number, open }
}

/** Why a model is refused; undefined if it is not. */
function refusal(find: () => unknown): string | undefined {
  try {
    find()
  } catch (error) {
    if (error instanceof RequestRefused) return error.reason
    throw error
  }
  return undefined
}

test('while a store starts, what may still come is not ready; afterwards what is not there is unknown', async () => {
  const catalogue = Promise.withResolvers<readonly WantedModel[]>()
  const first = Promise.withResolvers<never>()
  const store = createModelStore(() => catalogue.promise, noEvents)
  const reconciled = store.reconcile()
  expect(
    refusal(() => store.find('iris')),
    'before the catalogue is read',
  ).toBe('model-not-ready')

  catalogue.resolve([
    { name: 'first', versions: [version('1', () => first.promise)], aliases: new Map() },
    {
      name: 'iris',
      versions: [version('1', () => Promise.reject(new Error('no such file')))],
      aliases: new Map([['stable', '1']]),
    },
  ])
  await expect.poll(() => refusal(() => store.find('neither'))).toBe('unknown-model')
  expect(
    refusal(() => store.find('iris')),
    'while another model loads',
  ).toBe('model-not-ready')
  expect(
    refusal(() => store.find('iris', 'stable')),
    'an alias of what is not there yet',
  ).toBe('model-not-ready')

  first.reject(new Error('no such file'))
  await reconciled
  expect(
    refusal(() => store.find('iris', '1')),
    'what could not be loaded',
  ).toBe('model-not-ready')
  expect(
    refusal(() => store.find('iris', '2')),
    'a version that nobody wants',
  ).toBe('unknown-model')
})

test('a catalogue that cannot be read denies no model', async () => {
  const store = createModelStore(() => Promise.reject(new Error('the bucket does not answer')), noEvents)
  await expect(store.reconcile()).rejects.toThrow('the bucket does not answer')
  expect(() => store.find('iris')).toThrow("model 'iris' is not ready: the bucket does not answer")
})
