import * as z from 'zod'
import { now } from '../hub.ts'
import type { CommitStatus, Repository } from '../records.ts'
import { bodyOf, type Call, created, ok, page, type Route, repositoryOf, signedIn } from './call.ts'
import { requireCommit } from './commits.ts'
import { nodeId, showLogin } from './show-account.ts'
import { repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'statuses', access: 'read' } as const
const writes = { permission: 'statuses', access: 'write' } as const

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
  const sha = await requireCommit(call, repository, 'ref')
  const all = call.hub.records.statuses.list(`${repository.id}/${sha}/`)
  return { sha, all: [...all].sort((one, other) => other.id - one.id) }
}

export const commitStatusRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: `${root}/statuses/{sha}`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const sha = await requireCommit(call, repository, 'sha')
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
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      return page(call, (await statusesOf(call, repository)).all, one => showStatus(call, repository, one))
    },
  },
  {
    method: 'GET',
    path: `${root}/commits/{ref}/status`,
    needs: reads,
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
