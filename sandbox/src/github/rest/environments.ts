import * as z from 'zod'
import { accountById } from '../accounts.ts'
import { GithubError, invalid, notFound } from '../errors.ts'
import { now } from '../hub.ts'
import type { Environment, Repository } from '../records.ts'
import {
  bodyOf,
  type Call,
  noContent,
  numberParam,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
} from './call.ts'
import type { Schema } from './schemas.ts'
import { nodeId, showAccount } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const reads = { permission: 'actions', access: 'read' } as const
const writes = { permission: 'administration', access: 'write' } as const

const putSchema = z.looseObject({
  wait_timer: z.int().min(0).max(43_200).optional(),
  prevent_self_review: z.boolean().optional(),
  can_admins_bypass: z.boolean().optional(),
  reviewers: z
    .array(z.object({ type: z.enum(['User', 'Team']), id: z.int() }))
    .nullable()
    .optional(),
  deployment_branch_policy: z
    .object({ protected_branches: z.boolean(), custom_branch_policies: z.boolean() })
    .nullable()
    .optional(),
})

/** Names are the same whatever their case. */
export function environmentKey(repository: Repository, name: string): string {
  return `${repository.id}/${name.toLowerCase()}`
}

export function environmentOf(call: Call, repository: Repository): Environment {
  const found = call.hub.records.environments.get(environmentKey(repository, param(call, 'environment_name')))
  if (found === undefined) throw notFound()
  return found
}

/** An environment without any rules; a job that names one that is not there makes it so, too. */
export function newEnvironment(name: string, nextId: () => number): Environment {
  const at = now()
  return {
    id: nextId(),
    name,
    createdAt: at,
    updatedAt: at,
    waitTimer: 0,
    preventSelfReview: false,
    adminsBypass: true,
    reviewers: [],
    branchPolicy: null,
    policies: [],
    ruleIds: [nextId(), nextId(), nextId()],
  }
}

function show(
  call: Call,
  repository: Repository,
  environment: Environment,
): Schema<'environment'> & { readonly can_admins_bypass: boolean } {
  const { waitTimer, reviewers, branchPolicy, ruleIds } = environment
  const rules: NonNullable<Schema<'environment'>['protection_rules']> = []
  if (waitTimer > 0)
    rules.push({
      id: ruleIds[0],
      node_id: nodeId('GA', ruleIds[0]),
      type: 'wait_timer',
      wait_timer: waitTimer,
    })
  if (reviewers.length > 0)
    rules.push({
      id: ruleIds[1],
      node_id: nodeId('GA', ruleIds[1]),
      type: 'required_reviewers',
      prevent_self_review: environment.preventSelfReview,
      reviewers: reviewers.flatMap(({ type, id }) => {
        const account = accountById(call.hub.records, id)
        return account === undefined ? [] : [{ type, reviewer: showAccount(account, call.bases) }]
      }),
    })
  if (branchPolicy !== null)
    rules.push({ id: ruleIds[2], node_id: nodeId('GA', ruleIds[2]), type: 'branch_policy' })
  const name = encodeURIComponent(environment.name)
  return {
    id: environment.id,
    node_id: nodeId('EN', environment.id),
    name: environment.name,
    url: `${repositoryUrl(repository, call.bases)}/environments/${name}`,
    html_url: `${repositoryPage(repository, call.bases)}/deployments/activity_log?environments_filter=${name}`,
    created_at: environment.createdAt,
    updated_at: environment.updatedAt,
    can_admins_bypass: environment.adminsBypass,
    protection_rules: rules,
    deployment_branch_policy: branchPolicy,
  }
}

const root = '/repos/{owner}/{repo}/environments'

export const environmentRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: root,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const all = call.hub.records.environments.list(`${repository.id}/`)
      return page(
        call,
        all,
        one => show(call, repository, one),
        environments => ({ total_count: all.length, environments }),
      )
    },
  },
  {
    method: 'GET',
    path: `${root}/{environment_name}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return ok(show(call, repository, environmentOf(call, repository)))
    },
  },
  {
    method: 'PUT',
    path: `${root}/{environment_name}`,
    needs: writes,
    run(call) {
      const { records } = call.hub
      const repository = repositoryOf(call)
      const name = param(call, 'environment_name')
      const asked = bodyOf(call, putSchema)
      const policy = asked.deployment_branch_policy ?? null
      if (policy !== null && policy.protected_branches === policy.custom_branch_policies)
        throw new GithubError(
          422,
          'Invalid request.\n\nprotected_branches and custom_branch_policies cannot have the same value',
        )
      const reviewers = asked.reviewers ?? []
      if (reviewers.length > 6)
        throw invalid({ resource: 'Environment', code: 'invalid', field: 'reviewers' })
      for (const { type, id } of reviewers)
        if (type === 'Team' || accountById(records, id) === undefined)
          throw new GithubError(
            422,
            `Failed to create the environment protection rule. Please ensure the ${type.toLowerCase()} with id ${id} exists and has access to the repository.`,
          )
      const key = environmentKey(repository, name)
      const known = records.environments.get(key) ?? newEnvironment(name, records.nextId)
      // What is left out is as if it was never set.
      const put = records.environments.put(key, {
        ...known,
        waitTimer: asked.wait_timer ?? 0,
        preventSelfReview: asked.prevent_self_review ?? false,
        adminsBypass: asked.can_admins_bypass ?? known.adminsBypass,
        reviewers,
        branchPolicy: policy,
        policies: policy?.custom_branch_policies === true ? known.policies : [],
        updatedAt: now(),
      })
      return ok(show(call, repository, put))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/{environment_name}`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const environment = environmentOf(call, repository)
      const { records } = call.hub
      records.environments.delete(environmentKey(repository, environment.name))
      records.variables.deleteAll(`${repository.id}/${environment.id}/`)
      records.secrets.deleteAll(`${repository.id}/${environment.id}/`)
      return noContent
    },
  },
  {
    method: 'GET',
    path: `${root}/{environment_name}/deployment-branch-policies`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const { policies } = environmentOf(call, repository)
      return page(call, policies, showPolicy, shown => ({
        total_count: policies.length,
        branch_policies: shown,
      }))
    },
  },
  {
    method: 'POST',
    path: `${root}/{environment_name}/deployment-branch-policies`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const environment = environmentOf(call, repository)
      const { name, type } = bodyOf(
        call,
        z.looseObject({ name: z.string(), type: z.enum(['branch', 'tag']).default('branch') }),
      )
      if (environment.branchPolicy?.custom_branch_policies !== true) throw notFound()
      // Making one that is there is answered by a redirection to it, which most clients read as that one.
      const known = environment.policies.find(one => one.name === name && one.type === type)
      if (known !== undefined) return ok(showPolicy(known))
      const policy = { id: call.hub.records.nextId(), name, type }
      call.hub.records.environments.put(environmentKey(repository, environment.name), {
        ...environment,
        policies: [...environment.policies, policy],
      })
      return ok(showPolicy(policy))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/{environment_name}/deployment-branch-policies/{branch_policy_id}`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const environment = environmentOf(call, repository)
      const id = numberParam(call, 'branch_policy_id')
      if (!environment.policies.some(one => one.id === id)) throw notFound()
      call.hub.records.environments.put(environmentKey(repository, environment.name), {
        ...environment,
        policies: environment.policies.filter(one => one.id !== id),
      })
      return noContent
    },
  },
]

function showPolicy(policy: Environment['policies'][number]): Schema<'deployment-branch-policy'> {
  return { id: policy.id, node_id: nodeId('EBP', policy.id), name: policy.name, type: policy.type }
}
