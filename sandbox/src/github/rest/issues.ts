import * as z from 'zod'
import { invalid, notFound } from '../errors.ts'
import { now } from '../hub.ts'
import type { Comment, Issue, Repository } from '../records.ts'
import {
  bodyOf,
  type Call,
  created,
  noContent,
  numberParam,
  ok,
  page,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import type { Schema } from './schemas.ts'
import { nodeId, showLogin } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
// Comments of a pull request are written with either permission.
const reads = { permission: 'issues', access: 'read' } as const
const writes = { permission: 'issues', access: 'write', role: 'read' } as const
const text = z.looseObject({ body: z.string() })

export function issueOf(call: Call, repository: Repository, name: string): Issue {
  const found = call.hub.records.issues.get(`${repository.id}/${numberParam(call, name)}`)
  if (found === undefined) throw notFound()
  return found
}

export function showIssue(call: Call, repository: Repository, issue: Issue): object {
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

/** An issue, or a pull request, which is one too. */
export function newIssue(
  call: Call,
  repository: Repository,
  made: Pick<Issue, 'title' | 'body' | 'pull'>,
): Issue {
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

export const issueRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/issues`,
    needs: reads,
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
    needs: writes,
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
    needs: reads,
    run(call) {
      const repository = repositoryOf(call)
      return ok(showIssue(call, repository, issueOf(call, repository, 'issue_number')))
    },
  },
  {
    method: 'GET',
    path: `${root}/issues/{issue_number}/comments`,
    needs: reads,
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
    needs: writes,
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
    needs: writes,
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
    needs: writes,
    run(call) {
      const repository = repositoryOf(call)
      call.hub.records.comments.delete(commentOf(call, repository).key)
      return noContent
    },
  },
]
