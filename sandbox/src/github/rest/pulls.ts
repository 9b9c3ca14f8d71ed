import * as z from 'zod'
import { GithubError, invalid, notFound } from '../errors.ts'
import { git, gitFolder, refsOf, tryGit } from '../git/git.ts'
import { announce, triggerPull } from '../git/pushed.ts'
import { now } from '../hub.ts'
import type { Issue, Repository } from '../records.ts'
import { bodyOf, type Call, created, ok, page, type Route, repositoryOf, signedIn } from './call.ts'
import { issueOf, newIssue, showIssue } from './issues.ts'
import { nodeId, showLogin } from './show-account.ts'
import { repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'pull_requests', access: 'read' } as const
const writes = { permission: 'pull_requests', access: 'write' } as const

type PullRequest = Issue & { readonly pull: NonNullable<Issue['pull']> }

function pullOf(call: Call, repository: Repository): PullRequest {
  const { pull, ...issue } = issueOf(call, repository, 'pull_number')
  if (pull === null) throw notFound()
  return { ...issue, pull }
}

function showPull(call: Call, repository: Repository, issue: PullRequest): object {
  const { pull } = issue
  const label = (ref: string, sha: string) => ({
    label: `${repository.owner}:${ref}`,
    ref,
    sha,
    user: showLogin(call.hub.records, repository.owner, call.bases),
    repo: { id: repository.id, name: repository.name, full_name: `${repository.owner}/${repository.name}` },
  })
  return {
    ...showIssue(call, repository, issue),
    node_id: nodeId('PR', issue.id),
    url: `${repositoryUrl(repository, call.bases)}/pulls/${issue.number}`,
    issue_url: `${repositoryUrl(repository, call.bases)}/issues/${issue.number}`,
    draft: pull.draft,
    merged: pull.mergedAt !== null,
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeSha,
    mergeable: issue.state === 'open' ? true : null,
    head: label(pull.head, pull.headSha),
    base: label(pull.base, ''),
  }
}

export const pullRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/pulls`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      const state = call.query.get('state') ?? 'open'
      const head = call.query.get('head')?.split(':').at(-1)
      const base = call.query.get('base')
      const all = call.hub.records.issues
        .list(`${repository.id}/`)
        .flatMap(({ pull, ...issue }) =>
          pull !== null &&
          (state === 'all' || issue.state === state) &&
          (head === undefined || pull.head === head) &&
          (base === null || pull.base === base)
            ? [{ ...issue, pull }]
            : [],
        )
      return page(call, all, one => showPull(call, repository, one))
    },
  },
  {
    method: 'POST',
    path: `${root}/pulls`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const asked = bodyOf(
        call,
        z.looseObject({
          title: z.string(),
          head: z.string(),
          base: z.string(),
          body: z.string().nullable().default(null),
          draft: z.boolean().default(false),
        }),
      )
      const refs = await refsOf(gitFolder(call.hub, repository))
      const head = asked.head.split(':').at(-1) ?? ''
      const headSha = refs.get(`refs/heads/${head}`)
      const baseSha = refs.get(`refs/heads/${asked.base}`)
      if (headSha === undefined) throw invalid({ resource: 'PullRequest', field: 'head', code: 'invalid' })
      if (baseSha === undefined) throw invalid({ resource: 'PullRequest', field: 'base', code: 'invalid' })
      if (headSha === baseSha)
        throw invalid({
          resource: 'PullRequest',
          code: 'custom',
          message: `No commits between ${asked.base} and ${head}`,
        })
      const twin = call.hub.records.issues
        .list(`${repository.id}/`)
        .find(one => one.state === 'open' && one.pull?.head === head && one.pull.base === asked.base)
      if (twin !== undefined)
        throw invalid({
          resource: 'PullRequest',
          code: 'custom',
          message: `A pull request already exists for ${repository.owner}:${head}.`,
        })
      const pull = { head, base: asked.base, headSha, draft: asked.draft, mergedAt: null, mergeSha: null }
      const issue = newIssue(call, repository, { title: asked.title, body: asked.body, pull })
      await git(gitFolder(call.hub, repository), ['update-ref', `refs/pull/${issue.number}/head`, headSha])
      await triggerPull(call.hub, repository, issue.number, 'opened', signedIn(call))
      return created(showPull(call, repository, { ...issue, pull }))
    },
  },
  {
    method: 'GET',
    path: `${root}/pulls/{pull_number}`,
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showPull(call, repository, pullOf(call, repository)))
    },
  },
  {
    method: 'PATCH',
    path: `${root}/pulls/{pull_number}`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const issue = pullOf(call, repository)
      const asked = bodyOf(
        call,
        z.looseObject({
          title: z.string().optional(),
          body: z.string().nullable().optional(),
          state: z.enum(['open', 'closed']).optional(),
        }),
      )
      const state = asked.state ?? issue.state
      const changed = {
        ...issue,
        title: asked.title ?? issue.title,
        body: asked.body === undefined ? issue.body : asked.body,
        state,
        closedAt: state === 'open' ? null : (issue.closedAt ?? now()),
        updatedAt: now(),
      }
      call.hub.records.issues.put(`${repository.id}/${issue.number}`, changed)
      if (state !== issue.state)
        await triggerPull(
          call.hub,
          repository,
          issue.number,
          state === 'open' ? 'reopened' : 'closed',
          signedIn(call),
        )
      return ok(showPull(call, repository, changed))
    },
  },
  {
    method: 'PUT',
    path: `${root}/pulls/{pull_number}/merge`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const issue = pullOf(call, repository)
      if (issue.state !== 'open') throw new GithubError(405, 'Pull Request is not mergeable')
      const folder = gitFolder(call.hub, repository)
      const base = (await refsOf(folder)).get(`refs/heads/${issue.pull.base}`) ?? ''
      const tree = (await tryGit(folder, ['merge-tree', '--write-tree', base, issue.pull.headSha]))?.split(
        '\n',
      )[0]
      if (tree === undefined) throw new GithubError(405, 'Pull Request is not mergeable')
      const { login } = signedIn(call)
      const environment = {
        GIT_AUTHOR_NAME: login,
        GIT_AUTHOR_EMAIL: `${login}@users.noreply.github.com`,
        GIT_COMMITTER_NAME: 'GitHub',
        GIT_COMMITTER_EMAIL: 'noreply@github.com',
      }
      const message = `Merge pull request #${issue.number} from ${repository.owner}/${issue.pull.head}\n\n${issue.title}\n`
      const made = await git(folder, ['commit-tree', tree, '-p', base, '-p', issue.pull.headSha, '-F', '-'], {
        environment,
        input: message,
      })
      const sha = made.toString('utf8').trim()
      await git(folder, ['update-ref', `refs/heads/${issue.pull.base}`, sha, base])
      const at = now()
      const merged = {
        ...issue,
        state: 'closed' as const,
        closedAt: at,
        updatedAt: at,
        pull: { ...issue.pull, mergedAt: at, mergeSha: sha },
      }
      call.hub.records.issues.put(`${repository.id}/${issue.number}`, merged)
      await announce(
        call.hub,
        repository,
        [{ ref: `refs/heads/${issue.pull.base}`, before: base, after: sha }],
        signedIn(call),
      )
      return ok({ sha, merged: true, message: 'Pull Request successfully merged' })
    },
  },
]
