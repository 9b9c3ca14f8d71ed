import * as z from 'zod'
import type { Condition, PlannedResource } from '../cloud.ts'
import { placeOf } from './existing.ts'
import type { AzurePlatform } from './platform.ts'

/** PostgreSQL servers have a `state` of their own in place of Resource Manager's. */
const lifeCycle = z.object({ provisioningState: z.string().optional(), state: z.string().optional() })
const answer = z.object({ properties: lifeCycle.default({}) })
/** https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations#provisioningstate-values */
const ended: Readonly<Record<string, Condition>> = {
  Succeeded: 'ready',
  Failed: 'failed',
  Canceled: 'failed',
}
/** https://learn.microsoft.com/rest/api/postgresql/servers/get: ServerState. */
const changing: ReadonlySet<string> = new Set([
  'Provisioning',
  'Updating',
  'Starting',
  'Stopping',
  'Dropping',
])

/** See Cloud.condition. */
export async function condition(
  platform: AzurePlatform,
  resource: PlannedResource,
  signal: AbortSignal,
): Promise<Condition> {
  const place = await placeOf(platform, resource, signal)
  if (place === undefined) return 'ready'
  const arm = await platform.arm()
  const found = await arm.get(place.id, place.apiVersion, answer, signal)
  return conditionOf(found?.properties ?? {})
}

export function conditionOf({ provisioningState, state }: z.output<typeof lifeCycle>): Condition {
  if (provisioningState !== undefined) return ended[provisioningState] ?? 'settling'
  return state !== undefined && changing.has(state) ? 'settling' : 'ready'
}
