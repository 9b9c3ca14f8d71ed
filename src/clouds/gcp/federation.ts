import { poolName, stands } from './identity-pools.ts'
import type { GcpPlatform } from './platform.ts'

export async function missingTrust(platform: GcpPlatform, signal: AbortSignal): Promise<readonly string[]> {
  const { project, names } = platform
  const pool = poolName(platform, names.identityPool)
  const account = (name: string) =>
    `projects/${project}/serviceAccounts/${name}@${project}.iam.gserviceaccount.com`
  const wanted: readonly (readonly [what: string, name: string])[] = [
    ['the identity pool', pool],
    ['the identity provider', `${pool}/providers/github`],
    ['the service account', account(names.serviceAccounts.pipelineDeploy)],
    ['the service account', account(names.serviceAccounts.pipelineRead)],
  ]
  const missing = wanted.map(async ([what, name]) =>
    (await stands(platform, name, signal)) ? [] : [`${what} ${name}`],
  )
  return (await Promise.all(missing)).flat()
}
