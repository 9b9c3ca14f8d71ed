import { expect, test } from 'vitest'
import { collectorSettings } from '../../../../src/tools/terraform/collector.ts'

const gibibyte = 2 ** 30

test('with memory to spare, terraform collects its garbage rarely, up to its share of that memory', () => {
  expect(collectorSettings({}, 24 * gibibyte)).toEqual({ GOGC: '400', GOMEMLIMIT: '2048MiB' })
})

test('with little, it works as Go does by itself', () => {
  expect(collectorSettings({}, 8 * gibibyte)).toEqual({})
})

test('what the operator set is left alone', () => {
  expect(collectorSettings({ GOGC: '50' }, 24 * gibibyte)).toEqual({})
  expect(collectorSettings({ GOMEMLIMIT: '512MiB' }, 24 * gibibyte)).toEqual({})
})
