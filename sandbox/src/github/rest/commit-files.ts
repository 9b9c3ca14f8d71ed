import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GithubError } from '../errors.ts'
import { git, gitFolder, noCommit, tryGit } from '../git/git.ts'
import { announce } from '../git/pushed.ts'
import type { Hub } from '../hub.ts'
import type { Repository, TokenRecord } from '../records.ts'

interface FileChange {
  readonly path: string
  /** Undefined takes it away. */
  readonly content: Buffer | undefined
}

/** Commits files to a branch as the API does, without a work tree, and tells everybody; the commit's hash. */
export async function commitFiles(
  hub: Hub,
  repository: Repository,
  token: TokenRecord,
  change: {
    readonly branch: string
    readonly message: string
    readonly files: readonly FileChange[]
    readonly author?: { readonly name: string; readonly email: string } | undefined
  },
): Promise<string> {
  const folder = gitFolder(hub, repository)
  const ref = `refs/heads/${change.branch}`
  const before = (await tryGit(folder, ['rev-parse', '--verify', '--quiet', ref]))?.trim() ?? noCommit
  const temporary = await mkdtemp(join(tmpdir(), 'mlp-github-'))
  try {
    const who = change.author ?? { name: token.login, email: `${token.login}@users.noreply.github.com` }
    const environment = {
      GIT_INDEX_FILE: join(temporary, 'index'),
      GIT_AUTHOR_NAME: who.name,
      GIT_AUTHOR_EMAIL: who.email,
      GIT_COMMITTER_NAME: 'GitHub',
      GIT_COMMITTER_EMAIL: 'noreply@github.com',
    }
    const run = (args: readonly string[], input?: Buffer) =>
      git(folder, args, { environment, ...(input === undefined ? {} : { input }) }).then(out =>
        out.toString('utf8').trim(),
      )
    if (before !== noCommit) await run(['read-tree', before])
    for (const { path, content } of change.files) {
      if (content === undefined) await run(['update-index', '--force-remove', '--', path])
      else {
        const blob = await run(['hash-object', '-w', '--stdin'], content)
        await run(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`])
      }
    }
    const tree = await run(['write-tree'])
    const parents = before === noCommit ? [] : ['-p', before]
    const commit = await run(['commit-tree', tree, ...parents, '-F', '-'], Buffer.from(change.message))
    await git(folder, ['update-ref', ref, commit, before]).catch(() => {
      throw new GithubError(409, 'is at another commit than expected')
    })
    await announce(hub, repository, [{ ref, before, after: commit }], token)
    return commit
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
