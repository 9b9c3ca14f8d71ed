import type { SimulatedCloud } from '../world.ts'
import { gcp } from './gcp/index.ts'

export const simulatedClouds: readonly SimulatedCloud[] = [gcp]
