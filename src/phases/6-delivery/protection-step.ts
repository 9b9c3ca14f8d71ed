import * as z from 'zod'
import type { Config } from '../../config/schema.ts'
import type { Status, StepId } from '../../engine/step.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { pipelineStepId } from './pipeline-step.ts'
import { deliveryInputs, type Opened, open, repositoryStepId } from './repository.ts'
import { findVariable, removeVariable, setVariable } from './repository-variables.ts'

const protectionStepId: StepId = '6.all.branch-protection'
/** On a repository whose branch mlp protected: whatever else protects it is somebody else's. */
const protectedVariable = 'MLP_PROTECTED_BRANCH'

const toggle = z.looseObject({ enabled: z.boolean() }).optional()
const protectionSchema = z.looseObject({
  required_pull_request_reviews: z
    .looseObject({ required_approving_review_count: z.int().default(0) })
    .optional(),
  allow_force_pushes: toggle,
  allow_deletions: toggle,
})

/** Nobody rewrites or deletes the branch that is deployed; in prod changes come by reviewed pull requests. */
export function protectionStep(): PlatformStep {
  return {
    id: protectionStepId,
    cloud: 'all',
    title: 'Protection of the deployed branch',
    needs: [repositoryStepId, pipelineStepId],
    inputs: context => deliveryInputs(context),
    async status(context) {
      if (context.outputs(repositoryStepId) === undefined)
        return { state: 'absent', why: 'there is no repository yet' }
      const opened = await open(context)
      return await protectionOf(context, opened)
    },
    async apply(context) {
      const opened = await open(context)
      const found = await readProtection(opened)
      // A protection that is there and asks for more is left as it is.
      if (found !== undefined && lackingOf(context.config, found) === undefined) return {}
      const { github, at, delivery } = opened
      await setVariable(opened, undefined, protectedVariable, delivery.branch)
      await github.ask(`protecting ${delivery.branch}`, octokit =>
        octokit.request('PUT /repos/{owner}/{repo}/branches/{branch}/protection', {
          ...at,
          branch: delivery.branch,
          required_status_checks: null,
          // Whoever administers the repository runs mlp, which pushes.
          enforce_admins: false,
          required_pull_request_reviews:
            context.config.environment === 'prod' ? { required_approving_review_count: 1 } : null,
          restrictions: null,
          allow_force_pushes: false,
          allow_deletions: false,
        }),
      )
      return {}
    },
    async undo(context) {
      const nothing = { removed: [], kept: [], left: [] }
      if (context.outputs(repositoryStepId) === undefined) return nothing
      const opened = await open(context)
      const { github, at, delivery } = opened
      const branch = await findVariable(opened, undefined, protectedVariable)
      if (branch === undefined) return nothing
      await github.find(`taking the protection of ${branch} back`, octokit =>
        octokit.request('DELETE /repos/{owner}/{repo}/branches/{branch}/protection', { ...at, branch }),
      )
      await removeVariable(opened, undefined, protectedVariable)
      const id = `${delivery.owner}/${delivery.name}:${branch}`
      return {
        ...nothing,
        removed: [{ cloud: 'all', type: 'branch-protection', id, name: branch, reason: 'made by mlp' }],
      }
    },
  }
}

/** Asks GitHub, and nobody else. */
export async function protectionOf({ config }: Pick<Context, 'config'>, opened: Opened): Promise<Status> {
  const found = await readProtection(opened)
  if (found === undefined) return { state: 'absent', why: `${opened.delivery.branch} is not protected` }
  const lacking = lackingOf(config, found)
  return lacking === undefined ? { state: 'present', outputs: {} } : { state: 'drifted', why: lacking }
}

type Protection = z.output<typeof protectionSchema>

async function readProtection({ github, at, delivery }: Opened): Promise<Protection | undefined> {
  const found = await github.find(`asking how ${delivery.branch} is protected`, octokit =>
    octokit.request('GET /repos/{owner}/{repo}/branches/{branch}/protection', {
      ...at,
      branch: delivery.branch,
    }),
  )
  return found === undefined ? undefined : protectionSchema.parse(found)
}

function lackingOf({ environment }: Pick<Config, 'environment'>, found: Protection): string | undefined {
  if (found.allow_force_pushes?.enabled === true) return 'it may be rewritten'
  if (found.allow_deletions?.enabled === true) return 'it may be deleted'
  const reviews = found.required_pull_request_reviews?.required_approving_review_count ?? 0
  return environment === 'prod' && reviews < 1 ? 'nobody has to review changes' : undefined
}
