import { user } from '../accounts.ts'
import { GithubError, notFound } from '../errors.ts'
import {
  type Commit,
  changedFiles,
  git,
  gitFolder,
  noCommit,
  readCommit,
  refsOf,
  resolveCommit,
} from '../git/git.ts'
import type { Repository } from '../records.ts'
import { type Call, ok, page, param, type Route, repositoryOf } from './call.ts'
import { nodeId, showAccount } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'contents', access: 'read' } as const

/** The commit that a name means; the default branch's without one. */
export async function commitOf(call: Call, repository: Repository, name: string | null): Promise<string> {
  const folder = gitFolder(call.hub, repository)
  if ((await refsOf(folder)).size === 0) throw new GithubError(404, 'This repository is empty.')
  const found = await resolveCommit(folder, name ?? repository.defaultBranch)
  if (found === undefined)
    throw new GithubError(404, `No commit found for the ref ${name ?? repository.defaultBranch}`)
  return found
}

/** The commit that a part of the path names. */
export async function requireCommit(
  call: Call,
  repository: Repository,
  name: 'ref' | 'sha',
): Promise<string> {
  const found = await resolveCommit(gitFolder(call.hub, repository), param(call, name))
  if (found === undefined) throw new GithubError(422, `No commit found for SHA: ${param(call, name)}`)
  return found
}

export function showCommit(call: Call, repository: Repository, commit: Commit): object {
  const url = repositoryUrl(repository, call.bases)
  const page = repositoryPage(repository, call.bases)
  const login = commit.author.email.replace(/^(\d+\+)?|@users\.noreply\.github\.com$/g, '')
  const account = login.includes('@') ? undefined : user(call.hub.records, login)
  const author = account === undefined ? null : showAccount(account, call.bases)
  return {
    sha: commit.sha,
    node_id: nodeId('C', repository.id),
    commit: {
      author: commit.author,
      committer: commit.committer,
      message: commit.message,
      tree: { sha: commit.tree, url: `${url}/git/trees/${commit.tree}` },
      url: `${url}/git/commits/${commit.sha}`,
      comment_count: 0,
      verification: {
        verified: false,
        reason: 'unsigned',
        signature: null,
        payload: null,
        verified_at: null,
      },
    },
    url: `${url}/commits/${commit.sha}`,
    html_url: `${page}/commit/${commit.sha}`,
    comments_url: `${url}/commits/${commit.sha}/comments`,
    author,
    committer: author,
    parents: commit.parents.map(sha => ({
      sha,
      url: `${url}/commits/${sha}`,
      html_url: `${page}/commit/${sha}`,
    })),
  }
}

export const commitRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/commits`,
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      const folder = gitFolder(call.hub, repository)
      if ((await refsOf(folder)).size === 0) throw new GithubError(409, 'Git Repository is empty.')
      const from = await commitOf(call, repository, call.query.get('sha'))
      const path = call.query.get('path')
      const listed = await git(folder, [
        'rev-list',
        '--max-count=1000',
        from,
        ...(path === null ? [] : ['--', path]),
      ])
      const commits = await Promise.all(
        listed
          .toString('utf8')
          .split('\n')
          .filter(Boolean)
          .slice(0, 100)
          .map(sha => readCommit(folder, sha)),
      )
      return page(
        call,
        commits.filter(one => one !== undefined),
        one => showCommit(call, repository, one),
      )
    },
  },
  {
    method: 'GET',
    path: `${root}/commits/{ref+}`,
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      const folder = gitFolder(call.hub, repository)
      const found = await requireCommit(call, repository, 'ref')
      if (call.accept.includes('sha'))
        return {
          status: 200,
          body: found,
          headers: { 'content-type': 'application/vnd.github.sha; charset=utf-8' },
        }
      const commit = await readCommit(folder, found)
      if (commit === undefined) throw notFound()
      const files = await changedFiles(folder, commit.parents[0] ?? noCommit, found)
      return ok({
        ...showCommit(call, repository, commit),
        stats: { total: files.length },
        files: files.map(filename => ({ filename })),
      })
    },
  },
  {
    method: 'GET',
    path: `${root}/compare/{basehead+}`,
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      const folder = gitFolder(call.hub, repository)
      const [base = '', head = ''] = param(call, 'basehead').split('...')
      const [from, to] = [await commitOf(call, repository, base), await commitOf(call, repository, head)]
      const count = async (range: string) =>
        Number((await git(folder, ['rev-list', '--count', range])).toString('utf8'))
      const [ahead, behind] = [await count(`${from}..${to}`), await count(`${to}..${from}`)]
      const files = await changedFiles(folder, from, to)
      return ok({
        status: ahead === 0 ? (behind === 0 ? 'identical' : 'behind') : behind === 0 ? 'ahead' : 'diverged',
        ahead_by: ahead,
        behind_by: behind,
        total_commits: ahead,
        commits: [],
        files: files.map(filename => ({ filename })),
      })
    },
  },
]
