import * as z from 'zod'
import { deliveryOf } from '../../config/delivery.ts'
import type { Gate } from '../../engine/gates.ts'
import type { Context } from '../phase.ts'
import { openGitHub } from './github.ts'

/** `repo` for all but workflow files, which GitHub guards by a scope of their own. */
const neededScopes = ['repo', 'workflow']
const rightsSchema = z.looseObject({
  permissions: z.looseObject({ admin: z.boolean().default(false) }).optional(),
})

/** Before anything is written: a token that may do what phase 6 does. */
export const gitHubGate: Gate<Context> = {
  id: 'github',
  cloud: 'all',
  async ask(context) {
    const delivery = deliveryOf(context.config)
    if (delivery === undefined) return { outcome: 'passed', detail: 'no repository is configured' }
    const github = await openGitHub(context)
    const { login, scopes } = await github.whoami()
    const missing = scopes === undefined ? [] : neededScopes.filter(scope => !scopes.includes(scope))
    if (missing.length > 0) {
      return {
        outcome: 'refused',
        detail: `${login}'s token for GitHub lacks the scope ${missing.join(' and ')} (it has: ${scopes?.join(', ') || 'none'})`,
        remedy: [
          `gh auth refresh --scopes ${neededScopes.join(',')}`,
          'Or set GH_TOKEN to a token with these scopes.',
        ],
      }
    }
    const repository = await github.find('asking what the token may do', octokit =>
      octokit.request('GET /repos/{owner}/{repo}', { owner: delivery.owner, repo: delivery.name }),
    )
    const rights = rightsSchema.parse(repository ?? {}).permissions
    if (repository !== undefined && rights?.admin === false) {
      return {
        outcome: 'refused',
        detail: `${login} does not administer ${delivery.owner}/${delivery.name}`,
        remedy: [
          'Ask one of its administrators, or use a token of theirs: environments and protection take that right.',
        ],
      }
    }
    return {
      outcome: scopes === undefined && repository === undefined ? 'warned' : 'passed',
      detail:
        scopes === undefined
          ? `${login}: this kind of token does not tell its scopes`
          : `${login}, with ${scopes.join(', ')}`,
    }
  },
}
