import * as z from 'zod'
import { foreignOrganization, operatorLogin, organization, user } from '../accounts.ts'
import { GithubError, invalid, notFound } from '../errors.ts'
import { git, gitFolder } from '../git/git.ts'
import { makeRepositoryFolder, removeRepositoryFolder } from '../git/repository-folder.ts'
import { findRepository, type Hub, now } from '../hub.ts'
import { ofRepository, type Repository, type TokenRecord } from '../records.ts'
import { maySee, roleOf } from '../rights.ts'
import {
  type Answer,
  bodyOf,
  type Call,
  created,
  noContent,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import { commitFiles } from './commit-files.ts'
import { showAccount } from './show-account.ts'
import { permissionsOf, showRepository } from './show-repository.ts'

const settings = {
  description: z.string().nullable().optional(),
  homepage: z.string().nullable().optional(),
  private: z.boolean().optional(),
  visibility: z.enum(['public', 'private', 'internal']).optional(),
  has_issues: z.boolean().optional(),
  has_projects: z.boolean().optional(),
  has_wiki: z.boolean().optional(),
  has_discussions: z.boolean().optional(),
  allow_squash_merge: z.boolean().optional(),
  allow_merge_commit: z.boolean().optional(),
  allow_rebase_merge: z.boolean().optional(),
  allow_auto_merge: z.boolean().optional(),
  delete_branch_on_merge: z.boolean().optional(),
}
const createSchema = z.looseObject({ name: z.string(), auto_init: z.boolean().optional(), ...settings })
const updateSchema = z.looseObject({
  name: z.string().optional(),
  default_branch: z.string().optional(),
  archived: z.boolean().optional(),
  ...settings,
})
const settingsSchema = z.object(settings)
type Settings = z.output<typeof settingsSchema>

function shown(call: Call, repository: Repository): object {
  const owner = user(call.hub.records, repository.owner)
  if (owner === undefined) throw new Error(`${repository.owner} is gone`)
  const role = call.token === undefined ? undefined : roleOf(repository, call.token.login)
  return showRepository(repository, owner, role, call.bases)
}

async function create(call: Call, owner: string, token: TokenRecord): Promise<Answer> {
  const { hub } = call
  const asked = bodyOf(call, createSchema)
  const mayCreate =
    token.kind === 'classic'
      ? token.scopes.includes('repo') || (asked.private === false && token.scopes.includes('public_repo'))
      : token.permissions['administration'] === 'write'
  if (!mayCreate) {
    if (token.kind === 'classic') throw notFound()
    throw new GithubError(403, 'Resource not accessible by personal access token')
  }
  if (!/^[\w.-]{1,100}$/.test(asked.name) || /^\.{1,2}$/.test(asked.name))
    throw invalid({ resource: 'Repository', code: 'custom', field: 'name', message: 'name is invalid' })
  if (findRepository(hub, owner, asked.name) !== undefined)
    throw new GithubError(422, 'Repository creation failed.', {
      errors: [
        {
          resource: 'Repository',
          code: 'custom',
          field: 'name',
          message: 'name already exists on this account',
        },
      ],
    })
  const at = now()
  const repository: Repository = {
    id: hub.records.nextId(),
    owner,
    name: asked.name,
    private: false,
    description: null,
    homepage: null,
    topics: [],
    defaultBranch: 'main',
    archived: false,
    features: { issues: true, projects: true, wiki: true, discussions: false },
    merges: { squash: true, merge: true, rebase: true, auto: false, deleteBranch: false },
    createdAt: at,
    updatedAt: at,
    pushedAt: at,
    collaborators: {},
    actions: {
      enabled: true,
      allowed: 'all',
      shaPinning: false,
      // What repositories have since 2023: https://github.blog/changelog/2023-02-02-github-actions-updating-the-default-github_token-permissions-to-read-only/
      defaultPermissions: 'read',
      canApprove: false,
      selected: { github_owned_allowed: true, verified_allowed: true, patterns_allowed: [] },
    },
    // Of repositories made since July 15, 2026: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens/
    subject: { useDefault: true, claimKeys: [], immutable: true },
    nextNumber: 1,
  }
  const made = withSettings(repository, asked)
  await makeRepositoryFolder(hub, made)
  hub.records.repositories.put(String(made.id), made)
  if (asked.auto_init === true)
    await commitFiles(hub, made, token, {
      branch: made.defaultBranch,
      message: 'Initial commit',
      files: [{ path: 'README.md', content: Buffer.from(`# ${made.name}\n`) }],
    })
  return created(shown(call, hub.records.repositories.get(String(made.id)) ?? made))
}

function withSettings(repository: Repository, asked: Settings): Repository {
  const hidden = asked.visibility === undefined ? asked.private : asked.visibility !== 'public'
  return {
    ...repository,
    private: hidden ?? repository.private,
    description: asked.description === undefined ? repository.description : asked.description,
    homepage: asked.homepage === undefined ? repository.homepage : asked.homepage,
    features: {
      issues: asked.has_issues ?? repository.features.issues,
      projects: asked.has_projects ?? repository.features.projects,
      wiki: asked.has_wiki ?? repository.features.wiki,
      discussions: asked.has_discussions ?? repository.features.discussions,
    },
    merges: {
      squash: asked.allow_squash_merge ?? repository.merges.squash,
      merge: asked.allow_merge_commit ?? repository.merges.merge,
      rebase: asked.allow_rebase_merge ?? repository.merges.rebase,
      auto: asked.allow_auto_merge ?? repository.merges.auto,
      deleteBranch: asked.delete_branch_on_merge ?? repository.merges.deleteBranch,
    },
  }
}

function visible(call: Call, owner?: string): readonly Repository[] {
  return call.hub.records.repositories
    .list()
    .filter(
      one =>
        (owner === undefined || one.owner.toLowerCase() === owner.toLowerCase()) && maySee(one, call.token),
    )
}

/** Everything that a repository has gone with it. */
async function remove(hub: Hub, repository: Repository): Promise<void> {
  hub.actions.forget(repository)
  for (const name of ofRepository) hub.records[name].deleteAll(`${repository.id}/`)
  hub.records.repositories.delete(String(repository.id))
  await removeRepositoryFolder(hub, repository)
}

export const repositoryRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/user/repos',
    run: call => create(call, signedIn(call).login, signedIn(call)),
  },
  {
    method: 'POST',
    path: '/orgs/{org}/repos',
    run(call) {
      const token = signedIn(call)
      const owner = organization(call.hub.records, param(call, 'org'))
      if (owner === undefined || (token.kind === 'classic' && !token.scopes.includes('repo')))
        throw notFound()
      if (token.login !== operatorLogin || owner.login === foreignOrganization)
        throw new GithubError(
          403,
          'You need admin access to the organization before adding a repository to it.',
        )
      return create(call, owner.login, token)
    },
  },
  {
    method: 'GET',
    path: '/user/repos',
    run(call) {
      const { login } = signedIn(call)
      const own = visible(call).filter(one => roleOf(one, login) !== 'read')
      return page(call, own, one => shown(call, one))
    },
  },
  {
    method: 'GET',
    path: '/orgs/{org}/repos',
    run: call => page(call, visible(call, param(call, 'org')), one => shown(call, one)),
  },
  {
    method: 'GET',
    path: '/users/{username}/repos',
    run: call => page(call, visible(call, param(call, 'username')), one => shown(call, one)),
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}',
    needs: { permission: 'metadata', access: 'read' },
    run: call => ok(shown(call, repositoryOf(call))),
  },
  {
    method: 'PATCH',
    path: '/repos/{owner}/{repo}',
    needs: { permission: 'administration', access: 'write' },
    async run(call) {
      const repository = repositoryOf(call)
      const asked = bodyOf(call, updateSchema)
      const { name, default_branch: branch, archived } = asked
      const renamed = name !== undefined && name !== repository.name
      if (renamed && findRepository(call.hub, repository.owner, name) !== undefined)
        throw invalid({
          resource: 'Repository',
          code: 'custom',
          field: 'name',
          message: 'name already exists on this account',
        })
      if (branch !== undefined && branch !== repository.defaultBranch) {
        const folder = gitFolder(call.hub, repository)
        const there = await git(folder, ['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`]).catch(
          () => undefined,
        )
        if (there === undefined)
          throw invalid({ resource: 'Repository', code: 'invalid', field: 'default_branch' })
        await git(folder, ['symbolic-ref', 'HEAD', `refs/heads/${branch}`])
      }
      const changed: Repository = {
        ...withSettings(repository, asked),
        name: name ?? repository.name,
        defaultBranch: branch ?? repository.defaultBranch,
        archived: archived ?? repository.archived,
        // Renamed ones get the ids in their subject, too.
        subject: renamed ? { ...repository.subject, immutable: true } : repository.subject,
        updatedAt: now(),
      }
      call.hub.records.repositories.put(String(repository.id), changed)
      return ok(shown(call, changed))
    },
  },
  {
    method: 'DELETE',
    path: '/repos/{owner}/{repo}',
    needs: { permission: 'administration', access: 'write' },
    async run(call) {
      const repository = repositoryOf(call)
      const token = signedIn(call)
      if (token.kind === 'classic' && !token.scopes.includes('delete_repo'))
        throw new GithubError(403, 'Must have admin rights to Repository.')
      await remove(call.hub, repository)
      return noContent
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/topics',
    needs: { permission: 'metadata', access: 'read' },
    run: call => ok({ names: repositoryOf(call).topics }),
  },
  {
    method: 'PUT',
    path: '/repos/{owner}/{repo}/topics',
    needs: { permission: 'administration', access: 'write' },
    run(call) {
      const repository = repositoryOf(call)
      const { names } = bodyOf(call, z.object({ names: z.array(z.string()) }))
      const topics = names.map(name => name.toLowerCase())
      call.hub.records.repositories.put(String(repository.id), { ...repository, topics })
      return ok({ names: topics })
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/collaborators',
    needs: { permission: 'metadata', access: 'read', role: 'write' },
    run(call) {
      const repository = repositoryOf(call)
      const logins = [...new Set([signedIn(call).login, ...Object.keys(repository.collaborators)])]
      return page(call, logins, login => collaborator(call, repository, login))
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/collaborators/{username}',
    needs: { permission: 'metadata', access: 'read', role: 'write' },
    run(call) {
      const role = roleOf(repositoryOf(call), param(call, 'username'))
      if (role === undefined || role === 'read') throw notFound()
      return noContent
    },
  },
  {
    method: 'GET',
    path: '/repos/{owner}/{repo}/collaborators/{username}/permission',
    needs: { permission: 'metadata', access: 'read', role: 'write' },
    run(call) {
      const repository = repositoryOf(call)
      const account = user(call.hub.records, param(call, 'username'))
      if (account === undefined) throw notFound()
      const role = roleOf(repository, account.login)
      const permission = role === 'maintain' ? 'write' : role === 'triage' ? 'read' : (role ?? 'none')
      return ok({ permission, role_name: role ?? 'none', user: showAccount(account, call.bases) })
    },
  },
  {
    method: 'PUT',
    path: '/repos/{owner}/{repo}/collaborators/{username}',
    needs: { permission: 'administration', access: 'write' },
    run(call) {
      const repository = repositoryOf(call)
      const login = param(call, 'username')
      if (user(call.hub.records, login) === undefined) throw notFound()
      const { permission } = bodyOf(call, z.looseObject({ permission: z.string().default('push') }))
      const role = {
        pull: 'read',
        triage: 'triage',
        push: 'write',
        maintain: 'maintain',
        admin: 'admin',
      } as const
      const given = Object.entries(role).find(([name]) => name === permission)?.[1]
      if (given === undefined)
        throw invalid({ resource: 'RepositoryInvitation', code: 'invalid', field: 'permission' })
      // Nobody has to accept here.
      const collaborators = { ...repository.collaborators, [login.toLowerCase()]: given }
      call.hub.records.repositories.put(String(repository.id), { ...repository, collaborators })
      return noContent
    },
  },
]

function collaborator(call: Call, repository: Repository, login: string): object {
  const account = user(call.hub.records, login)
  const role = roleOf(repository, login)
  return {
    ...(account === undefined ? { login } : showAccount(account, call.bases)),
    role_name: role,
    permissions: permissionsOf(role),
  }
}
