import type { CloudName } from '../../clouds/cloud.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { fail, orError, pass } from '../findings.ts'
import type { PlatformCheck } from '../phase.ts'
import { open } from './repository.ts'
import { readVariables } from './repository-variables.ts'
import { newestGreen } from './runs.ts'
import { variableNames } from './variables.ts'

/**
 * Whether a cloud still takes the pipeline's tokens only a job can tell, since nobody else gets one. So this asks what a
 * job is told, whether the cloud has whom it trusts and whom a job becomes, and whether a job got in with it.
 */
export function trustChecks(clouds: readonly CloudName[]): readonly PlatformCheck[] {
  return clouds.map(cloud => ({
    id: `6.${cloud}.trust`,
    phase: 6,
    cloud,
    title: 'The pipeline gets in without keys',
    why: 'The next deployment cannot sign in to this cloud.',
    timeoutMs: 60_000,
    run: context =>
      orError(async () => {
        const opened = await open(context)
        const { deploy, read } = opened.delivery.environments
        const [variables, readers, missing] = await Promise.all([
          readVariables(opened, deploy),
          readVariables(opened, read),
          cloudOf(context, cloud).missingTrust(context.signal),
        ])
        const lacking = (environment: string, found: ReadonlyMap<string, string> | undefined) =>
          variableNames[cloud]
            .filter(name => !found?.get(name))
            .map(name => `${name} in the environment ${environment}`)
        const problems = [...missing, ...lacking(deploy, variables), ...lacking(read, readers)]
        if (problems.length > 0) return fail(`missing: ${problems.join(', ')}`, ['mlp phase 6'])
        const run = await newestGreen(opened)
        if (run === undefined) return fail('no job has got in yet', ['mlp phase 6'])
        return pass(`run ${run.id} signed in as ${variables?.get(variableNames[cloud][0] ?? '')}`)
      }),
  }))
}
