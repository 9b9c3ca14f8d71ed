import type { SimulatedCloud } from '../simulated-cloud.ts'
import { aws } from './aws/index.ts'
import { azure } from './azure/index.ts'
import { gcp } from './gcp/index.ts'

export const simulatedClouds: readonly SimulatedCloud[] = [aws, gcp, azure]
