import type { CloudName } from '../../clouds/cloud.ts'
import { deliveryOf } from '../../config/delivery.ts'
import type { Config } from '../../config/schema.ts'
import type { Finding } from '../../engine/check.ts'
import { fail, orError, pass } from '../findings.ts'
import type { Context, PlatformCheck } from '../phase.ts'
import { accessCheck } from './access-check.ts'
import { openEnvironments } from './environments-step.ts'
import { guideSecrets } from './guide-secrets.ts'
import { compare, openBranch } from './pipeline-step.ts'
import { protectionOf } from './protection-step.ts'
import { type Opened, open } from './repository.ts'
import { hasEnded, newestRun } from './runs.ts'
import { secretNames } from './secrets.ts'
import { trustChecks } from './trust-checks.ts'

/** Of the pipeline, asked of GitHub; of the trust in it, asked of each cloud. */
export function deliveryChecks(config: Config, clouds: readonly CloudName[]): readonly PlatformCheck[] {
  if (deliveryOf(config) === undefined) return []
  const check = (
    name: string,
    title: string,
    why: string,
    run: (context: Context, opened: Opened) => Promise<Finding>,
  ): PlatformCheck => ({
    id: `6.all.${name}`,
    phase: 6,
    cloud: 'all',
    title,
    why,
    timeoutMs: 60_000,
    run: context => orError(async () => run(context, await open(context))),
  })
  return [
    check(
      'last-run',
      'The last run of the pipeline is green',
      'What was pushed last is not what runs, or not everywhere.',
      async (_context, opened) => {
        const run = await newestRun(opened)
        if (run === undefined) return fail('it has never run', ['mlp phase 6'])
        if (!hasEnded(run)) return { status: 'warn', detail: `run ${run.id} is ${run.status}: ${run.url}` }
        return run.conclusion === 'success'
          ? pass(`run ${run.id} of ${run.commit.slice(0, 10)}`)
          : fail(`run ${run.id} ended with ${run.conclusion}: ${run.url}`, ['mlp phase 6'])
      },
    ),
    check(
      'workflows',
      'The workflows are what mlp would write',
      'Somebody changed how the platform is deployed, or mlp.yaml changed and nobody told the pipeline.',
      async (context, opened) => {
        const { changes, differing } = await compare(context, opened, await openBranch(context, opened))
        if (changes.size === 0) return pass(`on ${opened.delivery.branch}, word for word`)
        const missing = [...changes.keys()].filter(path => !differing.includes(path))
        const told = [
          ...(differing.length > 0 ? [`differ: ${differing.join(', ')}`] : []),
          ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
        ]
        return fail(told.join('; '), ['mlp phase 6', 'mlp render <folder> shows what mlp would write.'])
      },
    ),
    check(
      'environments',
      'Environments ask for the approvals and the branch of mlp.yaml',
      'Anybody’s branch deploys, or nobody has to approve.',
      async (context, opened) => {
        const differences = await openEnvironments(context, opened)
        return differences.length === 0
          ? pass(Object.values(opened.delivery.environments).join(', '))
          : fail(differences.join('; '), ['mlp phase 6'])
      },
    ),
    check(
      'branch-protection',
      'The deployed branch is protected',
      'What deploys the platform can be rewritten or deleted by whoever may push.',
      async (context, opened) => {
        const found = await protectionOf(context, opened)
        return found.state === 'present'
          ? pass(`${opened.delivery.branch} can be neither rewritten nor deleted`)
          : fail(found.why ?? found.state, ['mlp phase 6'])
      },
    ),
    check(
      'secrets',
      'No secret is kept that nothing uses',
      'A key that nobody misses is a key that nobody sees being used.',
      async (_context, opened) => {
        const { delivery } = opened
        const known = Object.values(guideSecrets).flat()
        const kept: string[] = []
        for (const environment of Object.values(delivery.environments)) {
          const names = await secretNames(opened, environment)
          kept.push(...names.filter(name => known.includes(name)).map(name => `${environment}: ${name}`))
        }
        if (delivery.credentials === 'keys') {
          return {
            status: 'warn',
            detail: `long-lived keys are kept on GitHub: ${kept.join(', ') || 'none yet'}`,
            remedy: ['Set delivery.credentials: workload-identity in mlp.yaml, then mlp phase 6.'],
          }
        }
        return kept.length === 0
          ? pass('the pipeline signs in without keys')
          : fail(`used by nothing: ${kept.join(', ')}`, ['mlp phase 6'])
      },
    ),
    ...(deliveryOf(config)?.credentials === 'keys'
      ? []
      : [...trustChecks(clouds), ...clouds.map(accessCheck)]),
  ]
}
