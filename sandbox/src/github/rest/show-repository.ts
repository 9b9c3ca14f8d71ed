import type { Account, Repository } from '../records.ts'
import { atLeast, type Role } from '../rights.ts'
import type { Bases } from './bases.ts'
import type { Schema } from './schemas.ts'
import { nodeId, showAccount } from './show-account.ts'

const urls = {
  archive_url: '/{archive_format}{/ref}',
  assignees_url: '/assignees{/user}',
  blobs_url: '/git/blobs{/sha}',
  branches_url: '/branches{/branch}',
  collaborators_url: '/collaborators{/collaborator}',
  comments_url: '/comments{/number}',
  commits_url: '/commits{/sha}',
  compare_url: '/compare/{base}...{head}',
  contents_url: '/contents/{+path}',
  contributors_url: '/contributors',
  deployments_url: '/deployments',
  downloads_url: '/downloads',
  events_url: '/events',
  forks_url: '/forks',
  git_commits_url: '/git/commits{/sha}',
  git_refs_url: '/git/refs{/sha}',
  git_tags_url: '/git/tags{/sha}',
  hooks_url: '/hooks',
  issue_comment_url: '/issues/comments{/number}',
  issue_events_url: '/issues/events{/number}',
  issues_url: '/issues{/number}',
  keys_url: '/keys{/key_id}',
  labels_url: '/labels{/name}',
  languages_url: '/languages',
  merges_url: '/merges',
  milestones_url: '/milestones{/number}',
  notifications_url: '/notifications{?since,all,participating}',
  pulls_url: '/pulls{/number}',
  releases_url: '/releases{/id}',
  stargazers_url: '/stargazers',
  statuses_url: '/statuses/{sha}',
  subscribers_url: '/subscribers',
  subscription_url: '/subscription',
  tags_url: '/tags',
  teams_url: '/teams',
  trees_url: '/git/trees{/sha}',
} as const

export function repositoryUrl(repository: Repository, { api }: Bases): string {
  return `${api}/repos/${repository.owner}/${repository.name}`
}

export function repositoryPage(repository: Repository, { web }: Bases): string {
  return `${web}/${repository.owner}/${repository.name}`
}

/** What every answer about a repository begins with. */
function common(repository: Repository, owner: Account, bases: Bases) {
  const url = repositoryUrl(repository, bases)
  const made: Record<keyof typeof urls, string> = {
    ...urls,
    ...Object.fromEntries(Object.entries(urls).map(([name, rest]) => [name, `${url}${rest}`])),
  }
  return {
    id: repository.id,
    node_id: nodeId('R', repository.id),
    name: repository.name,
    full_name: `${repository.owner}/${repository.name}`,
    private: repository.private,
    owner: showAccount(owner, bases),
    html_url: repositoryPage(repository, bases),
    description: repository.description,
    fork: false,
    url,
    ...made,
  }
}

/** What many answers hold of a repository. */
export function showMinimal(
  repository: Repository,
  owner: Account,
  bases: Bases,
): Schema<'minimal-repository'> {
  return common(repository, owner, bases)
}

/** A role as the five permissions that it holds. */
export function permissionsOf(role: Role | undefined) {
  return {
    admin: atLeast(role, 'admin'),
    maintain: atLeast(role, 'maintain'),
    push: atLeast(role, 'write'),
    triage: atLeast(role, 'triage'),
    pull: atLeast(role, 'read'),
  }
}

export function showRepository(
  repository: Repository,
  owner: Account,
  role: Role | undefined,
  bases: Bases,
): Schema<'full-repository'> {
  const page = repositoryPage(repository, bases)
  return {
    ...common(repository, owner, bases),
    git_url: `git://${new URL(page).host}/${repository.owner}/${repository.name}.git`,
    ssh_url: `git@${new URL(page).host}:${repository.owner}/${repository.name}.git`,
    clone_url: `${page}.git`,
    svn_url: page,
    mirror_url: null,
    homepage: repository.homepage,
    language: null,
    forks_count: 0,
    forks: 0,
    stargazers_count: 0,
    watchers_count: 0,
    watchers: 0,
    size: 0,
    default_branch: repository.defaultBranch,
    open_issues_count: 0,
    open_issues: 0,
    is_template: false,
    topics: [...repository.topics],
    has_issues: repository.features.issues,
    has_projects: repository.features.projects,
    has_wiki: repository.features.wiki,
    has_pages: false,
    has_downloads: true,
    has_discussions: repository.features.discussions,
    archived: repository.archived,
    disabled: false,
    visibility: repository.private ? 'private' : 'public',
    pushed_at: repository.pushedAt,
    created_at: repository.createdAt,
    updated_at: repository.updatedAt,
    permissions: permissionsOf(role),
    allow_squash_merge: repository.merges.squash,
    allow_merge_commit: repository.merges.merge,
    allow_rebase_merge: repository.merges.rebase,
    allow_auto_merge: repository.merges.auto,
    delete_branch_on_merge: repository.merges.deleteBranch,
    allow_forking: true,
    web_commit_signoff_required: false,
    subscribers_count: 0,
    network_count: 0,
    license: null,
    ...(owner.type === 'Organization' ? { organization: showAccount(owner, bases) } : {}),
  }
}
