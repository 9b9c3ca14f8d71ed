import { user } from '../accounts.ts'
import type { Account, Records } from '../records.ts'
import type { Bases } from './bases.ts'
import type { Schema } from './schemas.ts'

export function nodeId(kind: string, id: number): string {
  return `${kind}_${Buffer.from(String(id)).toString('base64url')}`
}

/** Who somebody is, in short: as most answers name them. */
export function showAccount({ id, login, type }: Account, { api, web }: Bases): Schema<'simple-user'> {
  const own = `${api}/users/${login}`
  return {
    login,
    id,
    node_id: nodeId(type === 'User' ? 'U' : 'O', id),
    avatar_url: `${web}/avatars/u/${id}`,
    gravatar_id: '',
    url: own,
    html_url: `${web}/${login}`,
    followers_url: `${own}/followers`,
    following_url: `${own}/following{/other_user}`,
    gists_url: `${own}/gists{/gist_id}`,
    starred_url: `${own}/starred{/owner}{/repo}`,
    subscriptions_url: `${own}/subscriptions`,
    organizations_url: `${own}/orgs`,
    repos_url: `${own}/repos`,
    events_url: `${own}/events{/privacy}`,
    received_events_url: `${own}/received_events`,
    type,
    site_admin: false,
    user_view_type: 'public',
  }
}

export function showUser(account: Account, bases: Bases): Schema<'public-user'> {
  return {
    ...showAccount(account, bases),
    name: account.login,
    company: null,
    blog: '',
    location: null,
    email: null,
    hireable: null,
    bio: null,
    twitter_username: null,
    public_repos: 0,
    public_gists: 0,
    followers: 0,
    following: 0,
    created_at: account.createdAt,
    updated_at: account.createdAt,
  }
}

/** By name, for places where the record is only a login. */
export function showLogin(records: Records, login: string, bases: Bases): Schema<'simple-user'> {
  const account = user(records, login) ?? { id: 0, login, type: 'User', createdAt: '' }
  return showAccount(account, bases)
}
