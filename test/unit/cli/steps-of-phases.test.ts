import { expect, test } from 'vitest'
import { stepsOfPhases } from '../../../src/cli/steps-of-phases.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'

const config = defaultSandboxConfig()
const of = (first: number, last: number, works: (cloud: string) => boolean = () => true) =>
  stepsOfPhases({ config, works }, phase => phase >= first && phase <= last)
const phasesOf = (ids: Iterable<string>) => [...new Set([...ids].map(id => id.split('.')[0]))].toSorted()

test('a phase alone asks about what it needs of earlier ones, and about nothing else', () => {
  // The mesh comes after the applications where they are part of the run; it does not need them.
  expect(phasesOf(of(4, 4).askOnly)).toEqual(['1', '2'])
  // Monitoring needs neither applications nor a mesh.
  expect(phasesOf(of(5, 5).askOnly)).toEqual(['1', '2'])
  expect([...of(5, 5).askOnly]).toContain('2.aws.context')
  expect([...of(3, 3).askOnly]).toContain('1.gcp.apply-foundation')
})

test('the steps of the wanted phases are all there, and none of them is only asked about', () => {
  const { steps, askOnly } = of(4, 5)
  expect(phasesOf(steps.map(({ id }) => id).filter(id => !askOnly.has(id)))).toEqual(['4', '5'])
  expect(of(1, 5).askOnly.size).toBe(0)
})

test('a run of one cloud asks about no other', () => {
  const { steps } = of(4, 4, cloud => cloud === 'gcp')
  expect(steps.filter(({ cloud }) => cloud !== 'gcp')).toEqual([])
})
