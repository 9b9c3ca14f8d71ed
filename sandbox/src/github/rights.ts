import { foreignOrganization, operatorLogin } from './accounts.ts'
import { GithubError, notFound } from './errors.ts'
import type { Access, Repository, TokenRecord } from './records.ts'

export type Role = 'admin' | 'maintain' | 'write' | 'triage' | 'read'

const order: readonly Role[] = ['read', 'triage', 'write', 'maintain', 'admin']

/** What a person may do with a repository by who they are, whatever their token says; undefined: not even see it. */
export function roleOf(repository: Repository, login: string): Role | undefined {
  if (login.toLowerCase() === repository.owner.toLowerCase()) return 'admin'
  if (login === operatorLogin && repository.owner !== foreignOrganization) return 'admin'
  return repository.collaborators[login.toLowerCase()] ?? (repository.private ? undefined : 'read')
}

export function atLeast(role: Role | undefined, wanted: Role): boolean {
  return role !== undefined && order.indexOf(role) >= order.indexOf(wanted)
}

/** What a route asks for: a permission of fine-grained tokens, and the role behind it. */
export interface Need {
  readonly permission: string
  readonly access: Access
  /** By default: `read` to read and `write` to write, `admin` for administration, environments, secrets and variables. */
  readonly role?: Role
}

const forAdministrators = new Set(['administration', 'environments', 'secrets', 'variables'])

function roleFor({ permission, access, role }: Need): Role {
  if (role !== undefined) return role
  if (access === 'read') return permission === 'secrets' || permission === 'variables' ? 'write' : 'read'
  return forAdministrators.has(permission) ? 'admin' : 'write'
}

/** The headers that tell what a token has, and what was needed. */
export function scopeHeaders(token: TokenRecord | undefined, need: Need | undefined): Record<string, string> {
  if (token === undefined) return {}
  const accepted =
    need === undefined ? {} : { 'x-accepted-github-permissions': `${need.permission}=${need.access}` }
  if (token.kind !== 'classic') return accepted
  return {
    'x-oauth-scopes': [...token.scopes].sort().join(', '),
    'x-accepted-oauth-scopes': need === undefined ? '' : 'repo',
  }
}

/** Whether a classic token's scopes are for a repository of that kind. */
export function hasScope(token: TokenRecord, repository: Repository): boolean {
  return token.scopes.includes('repo') || (!repository.private && token.scopes.includes('public_repo'))
}

/** Whether a token lets its bearer see a repository at all. */
export function maySee(repository: Repository, token: TokenRecord | undefined): boolean {
  if (!repository.private) return true
  if (token === undefined || roleOf(repository, token.login) === undefined)
    return token?.kind === 'job' && token.repositoryIds.includes(repository.id)
  if (token.kind === 'classic') return hasScope(token, repository)
  return token.repositoryIds.length === 0 || token.repositoryIds.includes(repository.id)
}

/** Throws what GitHub answers to a token that may not do this: 404 for what it may not see, else 403. */
export function requireRight(repository: Repository, token: TokenRecord | undefined, need: Need): void {
  if (!maySee(repository, token)) throw notFound()
  if (token === undefined) {
    if (need.access === 'read' && need.role === undefined && !forAdministrators.has(need.permission)) return
    throw new GithubError(401, 'Requires authentication')
  }
  if (token.kind === 'job') {
    const given = token.repositoryIds.includes(repository.id) ? token.permissions[need.permission] : undefined
    const enough = given === 'write' || (given === 'read' && need.access === 'read')
    if (!enough && need.permission !== 'metadata')
      throw new GithubError(403, 'Resource not accessible by integration')
    return
  }
  const role = roleFor(need)
  if (!atLeast(roleOf(repository, token.login), role)) {
    if (need.access === 'read' || role === 'admin') {
      if (role === 'admin' && need.access === 'write')
        throw new GithubError(403, 'Must have admin rights to Repository.')
    }
    throw new GithubError(403, `Must have ${role === 'admin' ? 'admin' : 'push'} access to repository.`)
  }
  if (token.kind === 'fine-grained') {
    const given = token.permissions[need.permission]
    const reads = need.permission === 'metadata'
    if (!reads && given !== 'write' && (given === undefined || need.access === 'write'))
      throw new GithubError(403, 'Resource not accessible by personal access token')
    return
  }
  // Without the scope GitHub acts as if there were nothing; only the header tells.
  if (!hasScope(token, repository) && (need.access === 'write' || forAdministrators.has(need.permission)))
    throw notFound()
}
