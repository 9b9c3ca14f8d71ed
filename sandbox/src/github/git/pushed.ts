import { user } from '../accounts.ts'
import { type Hub, now, type RefChange } from '../hub.ts'
import type { Repository, TokenRecord } from '../records.ts'
import { changedFiles, gitFolder, noCommit, readCommit } from './git.ts'

/** What follows a push, by git or by the API: the repository's own times, pull requests, and workflows. */
export async function announce(
  hub: Hub,
  repository: Repository,
  changes: readonly RefChange[],
  token: TokenRecord,
): Promise<void> {
  const at = now()
  const current = hub.records.repositories.get(String(repository.id)) ?? repository
  const pushed = hub.records.repositories.put(String(repository.id), {
    ...current,
    pushedAt: at,
    updatedAt: at,
  })
  await hub.actions.refresh(pushed)
  // What a workflow's own token does starts no other workflow, lest they never end.
  if (token.kind === 'job') return
  const folder = gitFolder(hub, repository)
  for (const change of changes) {
    if (change.after === noCommit) continue
    const head = await readCommit(folder, change.after)
    if (head === undefined) continue
    const sender = user(hub.records, token.login)
    await hub.actions.trigger(pushed, {
      name: 'push',
      ref: change.ref,
      sha: change.after,
      files: await changedFiles(folder, change.before, change.after),
      inputs: {},
      actor: token.login,
      payload: {
        ref: change.ref,
        before: change.before,
        after: change.after,
        created: change.before === noCommit,
        deleted: false,
        forced: false,
        head_commit: {
          id: head.sha,
          tree_id: head.tree,
          message: head.message,
          timestamp: head.committer.date,
          author: { name: head.author.name, email: head.author.email },
          committer: { name: head.committer.name, email: head.committer.email },
        },
        pusher: { name: token.login },
        sender: { login: token.login, id: sender?.id ?? 0, type: 'User' },
        repository: shownInEvent(pushed),
      },
    })
    const branch = change.ref.replace(/^refs\/heads\//, '')
    for (const pull of hub.records.issues.list(`${repository.id}/`))
      if (pull.pull !== null && pull.state === 'open' && pull.pull.head === branch) {
        const moved = { ...pull, updatedAt: at, pull: { ...pull.pull, headSha: change.after } }
        hub.records.issues.put(`${repository.id}/${pull.number}`, moved)
        await triggerPull(hub, pushed, moved.number, 'synchronize', token)
      }
  }
}

/** Starts what listens to pull requests. */
export async function triggerPull(
  hub: Hub,
  repository: Repository,
  number: number,
  action: 'opened' | 'synchronize' | 'reopened' | 'closed',
  token: TokenRecord,
): Promise<void> {
  const issue = hub.records.issues.get(`${repository.id}/${number}`)
  if (issue?.pull == null || token.kind === 'job') return
  const folder = gitFolder(hub, repository)
  const sender = user(hub.records, token.login)
  await hub.actions.trigger(repository, {
    name: 'pull_request',
    action,
    ref: `refs/pull/${number}/merge`,
    sha: issue.pull.headSha,
    files: await changedFiles(folder, `refs/heads/${issue.pull.base}`, issue.pull.headSha),
    inputs: {},
    actor: token.login,
    payload: {
      action,
      number,
      pull_request: {
        number,
        title: issue.title,
        body: issue.body,
        state: issue.state,
        draft: issue.pull.draft,
        merged: issue.pull.mergedAt !== null,
        user: { login: issue.author },
        head: { ref: issue.pull.head, sha: issue.pull.headSha, repo: shownInEvent(repository) },
        base: { ref: issue.pull.base, repo: shownInEvent(repository) },
      },
      sender: { login: token.login, id: sender?.id ?? 0, type: 'User' },
      repository: shownInEvent(repository),
    },
  })
}

export function shownInEvent(repository: Repository): Record<string, unknown> {
  return {
    id: repository.id,
    name: repository.name,
    full_name: `${repository.owner}/${repository.name}`,
    private: repository.private,
    default_branch: repository.defaultBranch,
    owner: { login: repository.owner },
  }
}
