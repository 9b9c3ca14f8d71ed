import { foreignOrganization, operatorLogin, organization, user } from '../accounts.ts'
import { notFound } from '../errors.ts'
import { ok, page, param, type Route, signedIn } from './call.ts'
import { showAccount, showUser } from './show-account.ts'

const startOfTime = '2026-01-01T00:00:00Z'

export const userRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/user',
    run(call) {
      const { login } = signedIn(call)
      const account = user(call.hub.records, login)
      if (account === undefined) throw notFound()
      return ok({ ...showUser(account, call.bases), two_factor_authentication: true })
    },
  },
  {
    method: 'GET',
    path: '/users/{username}',
    run(call) {
      const account = user(call.hub.records, param(call, 'username'))
      if (account === undefined) throw notFound()
      return ok(showUser(account, call.bases))
    },
  },
  {
    method: 'GET',
    path: '/user/orgs',
    run(call) {
      const { login } = signedIn(call)
      const own = call.hub.records.accounts
        .list()
        .filter(
          one => one.type === 'Organization' && login === operatorLogin && one.login !== foreignOrganization,
        )
      return page(call, own, one => showAccount(one, call.bases))
    },
  },
  {
    method: 'GET',
    path: '/orgs/{org}',
    run(call) {
      const found = organization(call.hub.records, param(call, 'org'))
      if (found === undefined) throw notFound()
      return ok({
        ...showAccount(found, call.bases),
        type: 'Organization',
        name: found.login,
        plan: { name: 'team', space: 0, private_repos: 9999 },
        members_can_create_repositories: true,
        created_at: found.createdAt,
        updated_at: found.createdAt,
      })
    },
  },
  {
    method: 'GET',
    path: '/user/memberships/orgs/{org}',
    run(call) {
      const { login } = signedIn(call)
      const found = organization(call.hub.records, param(call, 'org'))
      if (found === undefined || login !== operatorLogin || found.login === foreignOrganization)
        throw notFound()
      return ok({ state: 'active', role: 'admin', organization: showAccount(found, call.bases) })
    },
  },
  {
    method: 'GET',
    path: '/rate_limit',
    run(call) {
      const core = {
        limit: call.token === undefined ? 60 : 5000,
        used: 1,
        remaining: call.token === undefined ? 59 : 4999,
        reset: Math.floor(Date.now() / 1000) + 3600,
      }
      return ok({ resources: { core, search: core }, rate: core })
    },
  },
  {
    method: 'GET',
    path: '/meta',
    run: () =>
      ok({
        verifiable_password_authentication: false,
        installed_version: 'mlp sandbox (simulated)',
        hooks: [],
        started: startOfTime,
      }),
  },
  {
    method: 'GET',
    path: '/',
    run: call =>
      ok({
        current_user_url: `${call.bases.api}/user`,
        repository_url: `${call.bases.api}/repos/{owner}/{repo}`,
      }),
  },
]
