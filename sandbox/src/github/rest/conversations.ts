import * as z from 'zod'
import { GithubError, invalid, notFound } from '../errors.ts'
import { git, gitFolder, refsOf, resolveCommit, tryGit } from '../git/git.ts'
import { announce, triggerPull } from '../git/pushed.ts'
import { now } from '../hub.ts'
import type { Comment, CommitStatus, Issue, Repository } from '../records.ts'
import {
  bodyOf,
  type Call,
  created,
  noContent,
  numberParam,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import type { Schema } from './schemas.ts'
import { nodeId, showLogin } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'

function issueOf(call: Call, repository: Repository, name: string): Issue {
  const found = call.hub.records.issues.get(`${repository.id}/${numberParam(call, name)}`)
  if (found === undefined) throw notFound()
  return found
}

function pullOf(call: Call, repository: Repository): Issue & { readonly pull: NonNullable<Issue['pull']> } {
  const { pull, ...issue } = issueOf(call, repository, 'pull_number')
  if (pull === null) throw notFound()
  return { ...issue, pull }
}

function showIssue(call: Call, repository: Repository, issue: Issue): object {
  const url = `${repositoryUrl(repository, call.bases)}/issues/${issue.number}`
  const html = `${repositoryPage(repository, call.bases)}/${issue.pull === null ? 'issues' : 'pull'}/${issue.number}`
  return {
    id: issue.id,
    node_id: nodeId('I', issue.id),
    url,
    html_url: html,
    comments_url: `${url}/comments`,
    number: issue.number,
    state: issue.state,
    title: issue.title,
    body: issue.body,
    user: showLogin(call.hub.records, issue.author, call.bases),
    labels: [],
    assignees: [],
    comments: call.hub.records.comments.list(`${repository.id}/${issue.number}/`).length,
    created_at: issue.createdAt,
    updated_at: issue.updatedAt,
    closed_at: issue.closedAt,
    ...(issue.pull === null
      ? {}
      : {
          pull_request: {
            url: `${repositoryUrl(repository, call.bases)}/pulls/${issue.number}`,
            html_url: html,
          },
        }),
  }
}

function showPull(
  call: Call,
  repository: Repository,
  issue: Issue & { readonly pull: NonNullable<Issue['pull']> },
): object {
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

function showComment(call: Call, repository: Repository, comment: Comment): Schema<'issue-comment'> {
  const url = repositoryUrl(repository, call.bases)
  return {
    id: comment.id,
    node_id: nodeId('IC', comment.id),
    url: `${url}/issues/comments/${comment.id}`,
    html_url: `${repositoryPage(repository, call.bases)}/issues/${comment.number}#issuecomment-${comment.id}`,
    issue_url: `${url}/issues/${comment.number}`,
    body: comment.body,
    user: showLogin(call.hub.records, comment.author, call.bases),
    created_at: comment.createdAt,
    updated_at: comment.updatedAt,
    author_association: comment.author === repository.owner ? 'OWNER' : 'CONTRIBUTOR',
  }
}

function commentOf(call: Call, repository: Repository): { readonly key: string; readonly comment: Comment } {
  const id = numberParam(call, 'comment_id')
  const key = call.hub.records.comments.keys(`${repository.id}/`).find(one => one.endsWith(`/${id}`))
  const comment = key === undefined ? undefined : call.hub.records.comments.get(key)
  if (key === undefined || comment === undefined) throw notFound()
  return { key, comment }
}

const text = z.looseObject({ body: z.string() })
// Comments of a pull request are written with either permission.
const issuesRead = { permission: 'issues', access: 'read' } as const
const issuesWrite = { permission: 'issues', access: 'write', role: 'read' } as const
const pullsRead = { permission: 'pull_requests', access: 'read' } as const
const pullsWrite = { permission: 'pull_requests', access: 'write' } as const

function newIssue(call: Call, repository: Repository, made: Pick<Issue, 'title' | 'body' | 'pull'>): Issue {
  const { records } = call.hub
  const at = now()
  const number = repository.nextNumber
  records.repositories.put(String(repository.id), { ...repository, nextNumber: number + 1 })
  return records.issues.put(`${repository.id}/${number}`, {
    id: records.nextId(),
    number,
    ...made,
    state: 'open',
    author: signedIn(call).login,
    createdAt: at,
    updatedAt: at,
    closedAt: null,
  })
}

function showStatus(call: Call, repository: Repository, status: CommitStatus): object {
  return {
    id: status.id,
    node_id: nodeId('SC', status.id),
    url: `${repositoryUrl(repository, call.bases)}/statuses/${status.sha}`,
    state: status.state,
    context: status.context,
    description: status.description,
    target_url: status.targetUrl,
    avatar_url: null,
    creator: showLogin(call.hub.records, status.creator, call.bases),
    created_at: status.createdAt,
    updated_at: status.updatedAt,
  }
}

async function statusesOf(
  call: Call,
  repository: Repository,
): Promise<{ readonly sha: string; readonly all: readonly CommitStatus[] }> {
  const sha = await resolveCommit(gitFolder(call.hub, repository), param(call, 'ref'))
  if (sha === undefined) throw new GithubError(422, `No commit found for SHA: ${param(call, 'ref')}`)
  const all = call.hub.records.statuses.list(`${repository.id}/${sha}/`)
  return { sha, all: [...all].sort((one, other) => other.id - one.id) }
}

export const conversationRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/issues`,
    needs: issuesRead,
    run(call) {
      const repository = repositoryOf(call)
      const state = call.query.get('state') ?? 'open'
      const all = call.hub.records.issues
        .list(`${repository.id}/`)
        .filter(one => state === 'all' || one.state === state)
      return page(call, all, one => showIssue(call, repository, one))
    },
  },
  {
    method: 'POST',
    path: `${root}/issues`,
    needs: issuesWrite,
    run(call) {
      const repository = repositoryOf(call)
      const { title, body } = bodyOf(
        call,
        z.looseObject({ title: z.string(), body: z.string().nullable().default(null) }),
      )
      return created(showIssue(call, repository, newIssue(call, repository, { title, body, pull: null })))
    },
  },
  {
    method: 'GET',
    path: `${root}/issues/{issue_number}`,
    needs: issuesRead,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showIssue(call, repository, issueOf(call, repository, 'issue_number')))
    },
  },
  {
    method: 'GET',
    path: `${root}/issues/{issue_number}/comments`,
    needs: issuesRead,
    run(call) {
      const repository = repositoryOf(call)
      const { number } = issueOf(call, repository, 'issue_number')
      return page(call, call.hub.records.comments.list(`${repository.id}/${number}/`), one =>
        showComment(call, repository, one),
      )
    },
  },
  {
    method: 'POST',
    path: `${root}/issues/{issue_number}/comments`,
    needs: issuesWrite,
    run(call) {
      const repository = repositoryOf(call)
      const { number } = issueOf(call, repository, 'issue_number')
      const { body } = bodyOf(call, text)
      if (body.trim() === '')
        throw invalid({ resource: 'IssueComment', code: 'missing_field', field: 'body' })
      const id = call.hub.records.nextId()
      const at = now()
      const comment = { id, number, body, author: signedIn(call).login, createdAt: at, updatedAt: at }
      call.hub.records.comments.put(`${repository.id}/${number}/${id}`, comment)
      return created(showComment(call, repository, comment))
    },
  },
  {
    method: 'PATCH',
    path: `${root}/issues/comments/{comment_id}`,
    needs: issuesWrite,
    run(call) {
      const repository = repositoryOf(call)
      const { key, comment } = commentOf(call, repository)
      const changed = { ...comment, body: bodyOf(call, text).body, updatedAt: now() }
      call.hub.records.comments.put(key, changed)
      return ok(showComment(call, repository, changed))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/issues/comments/{comment_id}`,
    needs: issuesWrite,
    run(call) {
      const repository = repositoryOf(call)
      call.hub.records.comments.delete(commentOf(call, repository).key)
      return noContent
    },
  },
  {
    method: 'GET',
    path: `${root}/pulls`,
    needs: pullsRead,
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
    needs: pullsWrite,
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
    needs: pullsRead,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showPull(call, repository, pullOf(call, repository)))
    },
  },
  {
    method: 'PATCH',
    path: `${root}/pulls/{pull_number}`,
    needs: pullsWrite,
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
    needs: pullsWrite,
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
  {
    method: 'POST',
    path: `${root}/statuses/{sha}`,
    needs: { permission: 'statuses', access: 'write' },
    async run(call) {
      const repository = repositoryOf(call)
      const sha = await resolveCommit(gitFolder(call.hub, repository), param(call, 'sha'))
      if (sha === undefined) throw new GithubError(422, `No commit found for SHA: ${param(call, 'sha')}`)
      const asked = bodyOf(
        call,
        z.looseObject({
          state: z.enum(['error', 'failure', 'pending', 'success']),
          context: z.string().default('default'),
          description: z.string().nullable().default(null),
          target_url: z.string().nullable().default(null),
        }),
      )
      const at = now()
      const id = call.hub.records.nextId()
      const status: CommitStatus = {
        id,
        sha,
        state: asked.state,
        context: asked.context,
        description: asked.description,
        targetUrl: asked.target_url,
        creator: signedIn(call).login,
        createdAt: at,
        updatedAt: at,
      }
      call.hub.records.statuses.put(`${repository.id}/${sha}/${id}`, status)
      return created(showStatus(call, repository, status))
    },
  },
  {
    method: 'GET',
    path: `${root}/commits/{ref}/statuses`,
    needs: { permission: 'statuses', access: 'read' },
    async run(call) {
      const repository = repositoryOf(call)
      return page(call, (await statusesOf(call, repository)).all, one => showStatus(call, repository, one))
    },
  },
  {
    method: 'GET',
    path: `${root}/commits/{ref}/status`,
    needs: { permission: 'statuses', access: 'read' },
    async run(call) {
      const repository = repositoryOf(call)
      const { sha, all } = await statusesOf(call, repository)
      const latest = [...new Map([...all].reverse().map(one => [one.context, one])).values()]
      const states = latest.map(one => one.state)
      const state = states.some(one => one === 'failure' || one === 'error')
        ? 'failure'
        : states.length === 0 || states.includes('pending')
          ? 'pending'
          : 'success'
      return ok({
        state,
        sha,
        total_count: latest.length,
        statuses: latest.map(one => showStatus(call, repository, one)),
        repository: { id: repository.id, full_name: `${repository.owner}/${repository.name}` },
      })
    },
  },
]
