import * as z from 'zod'
import type { Condition, PlannedResource } from '../cloud.ts'
import { findCluster } from './cluster.ts'
import type { GcpPlatform } from './platform.ts'

const stateful = z.object({ state: z.string().optional() })

/** The life cycles in the words of container.v1, sqladmin.v1 and redis.v1; what is not listed can be worked with. */
const conditions: Readonly<Record<string, Condition>> = {
  PROVISIONING: 'settling',
  RECONCILING: 'settling',
  STOPPING: 'settling',
  PENDING_CREATE: 'settling',
  PENDING_DELETE: 'settling',
  MAINTENANCE: 'settling',
  CREATING: 'settling',
  UPDATING: 'settling',
  DELETING: 'settling',
  ERROR: 'failed',
  FAILED: 'failed',
}

/** See Cloud.condition. */
export async function condition(
  platform: GcpPlatform,
  resource: PlannedResource,
  signal: AbortSignal,
): Promise<Condition> {
  return conditionOf(await statusOf(platform, resource, signal))
}

export function conditionOf(status: string | undefined): Condition {
  return (status === undefined ? undefined : conditions[status]) ?? 'ready'
}

async function statusOf(
  platform: GcpPlatform,
  { type, values }: PlannedResource,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { rest, project, region, names } = platform
  const name = String(values['name'])
  switch (type) {
    case 'google_container_cluster':
      return (await findCluster(platform, name, signal))?.status
    case 'google_container_node_pool': {
      const cluster = await findCluster(platform, names.cluster, signal)
      return cluster?.nodePools.find(pool => pool.name === name)?.status
    }
    case 'google_sql_database_instance': {
      const path = `/v1/projects/${project}/instances/${name}`
      return (await rest.find({ service: 'sqladmin', path, answer: stateful }, signal))?.state
    }
    case 'google_redis_cluster': {
      const path = `/v1/projects/${project}/locations/${region}/clusters/${name}`
      return (await rest.find({ service: 'redis', path, answer: stateful }, signal))?.state
    }
    default:
      return undefined
  }
}
