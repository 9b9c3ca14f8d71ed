import * as z from 'zod'
import type { GcpPlatform } from './platform.ts'

/** Google goes on answering for a pool that was deleted, for 30 days. */
const answer = z.looseObject({ state: z.string().default('ACTIVE'), disabled: z.boolean().default(false) })

export async function missingTrust(platform: GcpPlatform, signal: AbortSignal): Promise<readonly string[]> {
  const { rest, project, names } = platform
  const pool = `projects/${project}/locations/global/workloadIdentityPools/${names.identityPool}`
  const account = (name: string) =>
    `projects/${project}/serviceAccounts/${name}@${project}.iam.gserviceaccount.com`
  const wanted: readonly (readonly [what: string, name: string])[] = [
    ['the identity pool', pool],
    ['the identity provider', `${pool}/providers/github`],
    ['the service account', account(names.serviceAccounts.pipelineDeploy)],
    ['the service account', account(names.serviceAccounts.pipelineRead)],
  ]
  const missing = wanted.map(async ([what, name]) => {
    const found = await rest.find({ service: 'iam', path: `/v1/${name}`, answer }, signal)
    const stands = found !== undefined && found.state === 'ACTIVE' && !found.disabled
    return stands ? [] : [`${what} ${name}`]
  })
  return (await Promise.all(missing)).flat()
}
