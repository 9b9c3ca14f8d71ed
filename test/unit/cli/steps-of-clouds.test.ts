import { expect, test } from 'vitest'
import { stepsOfClouds } from '../../../src/cli/steps-of-clouds.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { phases } from '../../../src/phases/index.ts'

const steps = phases.flatMap(phase => phase.steps(defaultSandboxConfig()))
const of = (...clouds: readonly string[]) => stepsOfClouds(steps, cloud => clouds.includes(cloud))

test('a run of one cloud waits for no other, and leaves what joins it to others', () => {
  const alone = of('aws')
  expect(alone.filter(({ cloud }) => cloud !== 'aws')).toEqual([])
  expect(alone.flatMap(({ needs }) => needs).filter(need => !need.includes('.aws.'))).toEqual([])
  expect(alone.filter(({ id }) => id.includes('mesh-remote'))).toEqual([])
  expect(alone.map(({ id }) => id)).toContain('4.aws.strict-mtls')
})

test('what a cloud has of another goes with it, and what all share stays', () => {
  const taken = stepsOfClouds(steps, cloud => cloud === 'aws' || cloud === 'all', true).map(({ id }) => id)
  expect(taken).toContain('3.aws.peer-trust')
  expect(taken).toContain('4.aws.mesh-remote-gcp')
  expect(taken).not.toContain('6.all.pipeline')
})

test('a run of two joins these two', () => {
  const remote = of('aws', 'gcp').filter(({ id }) => id.includes('mesh-remote'))
  expect(remote.map(({ id }) => id).sort()).toEqual(['4.aws.mesh-remote-gcp', '4.gcp.mesh-remote-aws'])
})
