import type { CloudName } from '../../clouds/cloud.ts'
import { fail, orError, pass } from '../findings.ts'
import type { PlatformCheck } from '../phase.ts'
import { open } from './repository.ts'
import { readVariables } from './repository-variables.ts'
import { newestGreen } from './runs.ts'
import { variableNames } from './variables.ts'

/**
 * Whether a cloud still takes the pipeline's tokens only a job can tell, since nobody else gets one. So this asks what a
 * job is told, and whether a job got in with it since.
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
        const { deploy } = opened.delivery.environments
        const variables = await readVariables(opened, deploy)
        const missing = variableNames[cloud].filter(name => !variables?.get(name))
        if (missing.length > 0)
          return fail(`the environment ${deploy} lacks ${missing.join(', ')}`, ['mlp phase 6'])
        const run = await newestGreen(opened)
        if (run === undefined) return fail('no job has got in yet', ['mlp phase 6'])
        return pass(`run ${run.id} signed in as ${variables?.get(variableNames[cloud][0] ?? '')}`)
      }),
  }))
}
