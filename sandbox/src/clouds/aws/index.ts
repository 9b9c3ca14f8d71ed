import type { SimulatedCloud } from '../../simulated-cloud.ts'
import { handle } from './api/handle.ts'
import { behaviours } from './behaviours/all.ts'
import { commandLineEnvironment, target } from './command-line.ts'
import { dataSources } from './data-sources.ts'
import { reviewToken } from './token.ts'

export const aws: SimulatedCloud = {
  name: 'aws',
  provider: 'aws',
  providerVersion: '5.100.0',
  behaviours,
  dataSources,
  handle,
  reviewToken,
  commandLineEnvironment,
  target,
}
