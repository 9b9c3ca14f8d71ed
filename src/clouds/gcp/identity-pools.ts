import * as z from 'zod'
import type { GcpPlatform } from './platform.ts'

/** Google goes on answering for a pool that was deleted, for 30 days. */
const answer = z.looseObject({ state: z.string().default('ACTIVE'), disabled: z.boolean().default(false) })

export function poolName({ project }: Pick<GcpPlatform, 'project'>, id: string): string {
  return `projects/${project}/locations/global/workloadIdentityPools/${id}`
}

/** Whether an identity pool, one of its providers, or a service account is there and in force. */
export async function stands(
  { rest }: Pick<GcpPlatform, 'rest'>,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const found = await rest.find({ service: 'iam', path: `/v1/${name}`, answer }, signal)
  return found !== undefined && found.state === 'ACTIVE' && !found.disabled
}
