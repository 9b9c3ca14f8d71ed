import * as z from 'zod'
import { GithubError } from '../errors.ts'
import { gitFolder, readCommit, refsOf } from '../git/git.ts'
import type { Protection, Repository } from '../records.ts'
import {
  type Answer,
  bodyOf,
  type Call,
  noContent,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
} from './call.ts'
import { showCommit } from './commits.ts'
import type { Schema } from './schemas.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'contents', access: 'read' } as const
const administers = { permission: 'administration', access: 'read', role: 'admin' } as const
const writes = { permission: 'administration', access: 'write' } as const

async function branchesOf(
  call: Call,
  repository: Repository,
): Promise<readonly { readonly name: string; readonly sha: string }[]> {
  const refs = await refsOf(gitFolder(call.hub, repository))
  return [...refs].flatMap(([ref, sha]) =>
    ref.startsWith('refs/heads/') ? [{ name: ref.slice('refs/heads/'.length), sha }] : [],
  )
}

function protectionOf(call: Call, repository: Repository, branch: string): Protection | undefined {
  return call.hub.records.protections.get(`${repository.id}/${branch}`)
}

function protectedUrl(call: Call, repository: Repository, branch: string): string {
  return `${repositoryUrl(repository, call.bases)}/branches/${encodeURIComponent(branch)}/protection`
}

const putSchema = z.looseObject({
  required_status_checks: z
    .looseObject({
      strict: z.boolean(),
      contexts: z.array(z.string()).optional(),
      checks: z
        .array(z.looseObject({ context: z.string(), app_id: z.int().nullable().optional() }))
        .optional(),
    })
    .nullable(),
  enforce_admins: z.boolean().nullable(),
  required_pull_request_reviews: z
    .looseObject({
      dismiss_stale_reviews: z.boolean().optional(),
      require_code_owner_reviews: z.boolean().optional(),
      required_approving_review_count: z.int().min(0).max(6).optional(),
      require_last_push_approval: z.boolean().optional(),
    })
    .nullable(),
  restrictions: z.looseObject({}).nullable(),
  required_linear_history: z.boolean().optional(),
  allow_force_pushes: z.boolean().nullable().optional(),
  allow_deletions: z.boolean().optional(),
  block_creations: z.boolean().optional(),
  required_conversation_resolution: z.boolean().optional(),
  lock_branch: z.boolean().optional(),
  allow_fork_syncing: z.boolean().optional(),
})

function show(
  call: Call,
  repository: Repository,
  branch: string,
  protection: Protection,
): Schema<'branch-protection'> {
  const url = protectedUrl(call, repository, branch)
  const { requiredChecks, reviews } = protection
  return {
    url,
    ...(requiredChecks === null
      ? {}
      : {
          required_status_checks: {
            url: `${url}/required_status_checks`,
            strict: requiredChecks.strict,
            contexts: requiredChecks.checks.map(({ context }) => context),
            contexts_url: `${url}/required_status_checks/contexts`,
            checks: requiredChecks.checks.map(({ context, appId }) => ({ context, app_id: appId })),
          },
        }),
    ...(reviews === null
      ? {}
      : {
          required_pull_request_reviews: {
            url: `${url}/required_pull_request_reviews`,
            dismiss_stale_reviews: reviews.dismissStale,
            require_code_owner_reviews: reviews.codeOwners,
            require_last_push_approval: reviews.lastPush,
            required_approving_review_count: reviews.count,
          },
        }),
    required_signatures: { url: `${url}/required_signatures`, enabled: protection.signatures },
    enforce_admins: { url: `${url}/enforce_admins`, enabled: protection.enforceAdmins },
    required_linear_history: { enabled: protection.linearHistory },
    allow_force_pushes: { enabled: protection.allowForce },
    allow_deletions: { enabled: protection.allowDeletions },
    block_creations: { enabled: protection.blockCreations },
    required_conversation_resolution: { enabled: protection.conversationResolution },
    lock_branch: { enabled: protection.lockBranch },
    allow_fork_syncing: { enabled: protection.forkSyncing },
  }
}

async function getBranch(call: Call): Promise<Answer> {
  const repository = repositoryOf(call)
  const name = param(call, 'branch')
  const found = (await branchesOf(call, repository)).find(one => one.name === name)
  const commit =
    found === undefined ? undefined : await readCommit(gitFolder(call.hub, repository), found.sha)
  if (commit === undefined) throw new GithubError(404, 'Branch not found')
  const protection = protectionOf(call, repository, name)
  const self = `${repositoryUrl(repository, call.bases)}/branches/${encodeURIComponent(name)}`
  return ok({
    name,
    commit: showCommit(call, repository, commit),
    _links: { self, html: `${repositoryPage(repository, call.bases)}/tree/${name}` },
    protected: protection !== undefined,
    protection: {
      enabled: protection !== undefined,
      required_status_checks: {
        enforcement_level:
          protection?.requiredChecks == null ? 'off' : protection.enforceAdmins ? 'everyone' : 'non_admins',
        contexts: protection?.requiredChecks?.checks.map(({ context }) => context) ?? [],
        checks:
          protection?.requiredChecks?.checks.map(({ context, appId }) => ({ context, app_id: appId })) ?? [],
      },
    },
    protection_url: protectedUrl(call, repository, name),
  })
}

export const branchRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/branches`,
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      const wanted = call.query.get('protected')
      const all = (await branchesOf(call, repository)).filter(
        ({ name }) =>
          wanted === null || (protectionOf(call, repository, name) !== undefined) === (wanted === 'true'),
      )
      return page(call, all, ({ name, sha }) => ({
        name,
        commit: { sha, url: `${repositoryUrl(repository, call.bases)}/commits/${sha}` },
        protected: protectionOf(call, repository, name) !== undefined,
      }))
    },
  },
  {
    method: 'GET',
    path: `${root}/branches/{branch}/protection`,
    needs: administers,
    run(call) {
      const repository = repositoryOf(call)
      const branch = param(call, 'branch')
      const found = protectionOf(call, repository, branch)
      if (found === undefined) throw new GithubError(404, 'Branch not protected')
      return ok(show(call, repository, branch, found))
    },
  },
  {
    method: 'PUT',
    path: `${root}/branches/{branch}/protection`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const branch = param(call, 'branch')
      if (!(await branchesOf(call, repository)).some(one => one.name === branch))
        throw new GithubError(404, 'Branch not found')
      const asked = bodyOf(call, putSchema)
      const checks = asked.required_status_checks
      const reviews = asked.required_pull_request_reviews
      const put: Protection = {
        requiredChecks:
          checks === null
            ? null
            : {
                strict: checks.strict,
                checks: (
                  checks.checks ?? (checks.contexts ?? []).map(context => ({ context, app_id: null }))
                ).map(one => ({
                  context: one.context,
                  appId: one.app_id ?? null,
                })),
              },
        enforceAdmins: asked.enforce_admins ?? false,
        reviews:
          reviews === null
            ? null
            : {
                dismissStale: reviews.dismiss_stale_reviews ?? false,
                codeOwners: reviews.require_code_owner_reviews ?? false,
                count: reviews.required_approving_review_count ?? 1,
                lastPush: reviews.require_last_push_approval ?? false,
              },
        linearHistory: asked.required_linear_history ?? false,
        allowForce: asked.allow_force_pushes ?? false,
        allowDeletions: asked.allow_deletions ?? false,
        blockCreations: asked.block_creations ?? false,
        conversationResolution: asked.required_conversation_resolution ?? false,
        lockBranch: asked.lock_branch ?? false,
        forkSyncing: asked.allow_fork_syncing ?? false,
        signatures: false,
      }
      call.hub.records.protections.put(`${repository.id}/${branch}`, put)
      return ok(show(call, repository, branch, put))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/branches/{branch}/protection`,
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      const branch = param(call, 'branch')
      if (protectionOf(call, repository, branch) === undefined)
        throw new GithubError(404, 'Branch not protected')
      call.hub.records.protections.delete(`${repository.id}/${branch}`)
      return noContent
    },
  },
  { method: 'GET', path: `${root}/branches/{branch}`, needs: reads, run: getBranch },
]
