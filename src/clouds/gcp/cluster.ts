import * as z from 'zod'
import type { ClusterAccess } from '../cloud.ts'
import type { GcpPlatform } from './platform.ts'

/**
 * What mlp reads of a cluster. Google's JSON leaves out what is empty.
 * https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
 */
export const gkeCluster = z.object({
  name: z.string(),
  status: z.string(),
  endpoint: z.string().default(''),
  currentMasterVersion: z.string().default(''),
  resourceLabels: z.record(z.string(), z.string()).default({}),
  masterAuth: z.object({ clusterCaCertificate: z.string().default('') }).optional(),
  nodePools: z.array(z.object({ name: z.string(), status: z.string() })).default([]),
  databaseEncryption: z.object({ state: z.string().nullish() }).optional(),
})
export type GkeCluster = z.output<typeof gkeCluster>

/** The cluster of that name in the platform's region; undefined when there is none. */
export function findCluster(
  { rest, project, region }: GcpPlatform,
  name: string,
  signal: AbortSignal,
): Promise<GkeCluster | undefined> {
  const path = `/v1/projects/${project}/locations/${region}/clusters/${name}`
  return rest.find({ service: 'container', path, answer: gkeCluster }, signal)
}

export async function clusterAccess(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<ClusterAccess | undefined> {
  const found = await findCluster(platform, platform.names.cluster, signal)
  const authority = found?.masterAuth?.clusterCaCertificate ?? ''
  if (found === undefined || found.endpoint === '' || authority === '') return undefined
  return {
    name: found.name,
    endpoint: `https://${found.endpoint}`,
    certificateAuthorityPem: Buffer.from(authority, 'base64').toString('utf8'),
    version: found.currentMasterVersion,
    status: found.status,
  }
}
