import * as z from 'zod'
import { GithubError, invalid, notFound } from '../errors.ts'
import { git, gitFolder, noCommit, resolveCommit, tryGit } from '../git/git.ts'
import { announce } from '../git/pushed.ts'
import type { Repository } from '../records.ts'
import {
  bodyOf,
  type Call,
  created,
  noContent,
  ok,
  param,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import type { Schema } from './schemas.ts'
import { nodeId } from './show-account.ts'
import { repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'contents', access: 'read' } as const
const writes = { permission: 'contents', access: 'write' } as const
const refSchema = z.looseObject({ ref: z.string(), sha: z.string() })

interface TreeEntry {
  readonly mode: string
  readonly type: string
  readonly sha: string
  readonly size: number
  readonly path: string
}

export async function listTree(
  folder: string,
  tree: string,
  recursive = false,
): Promise<readonly TreeEntry[] | undefined> {
  const listed = await tryGit(folder, ['ls-tree', '-z', '--long', ...(recursive ? ['-r', '-t'] : []), tree])
  return listed?.split('\0').flatMap(line => {
    const [, mode = '', type = '', sha = '', size = '', path = ''] =
      /^(\d+) (\w+) (\w+)\s+(\S+)\t(.+)$/s.exec(line) ?? []
    return path === '' ? [] : [{ mode, type, sha, size: size === '-' ? 0 : Number(size), path }]
  })
}

async function refAnswer(
  call: Call,
  repository: Repository,
  ref: string,
): Promise<Schema<'git-ref'> | undefined> {
  const sha = (
    await tryGit(gitFolder(call.hub, repository), ['rev-parse', '--verify', '--quiet', ref])
  )?.trim()
  if (sha === undefined) return undefined
  const url = repositoryUrl(repository, call.bases)
  return {
    ref,
    node_id: nodeId('REF', repository.id),
    url: `${url}/git/${ref}`,
    object: { sha, type: 'commit', url: `${url}/git/commits/${sha}` },
  }
}

async function updateRef(
  call: Call,
  repository: Repository,
  ref: string,
  after: string,
  before: string,
): Promise<void> {
  await git(gitFolder(call.hub, repository), ['update-ref', ref, after, before])
  await announce(call.hub, repository, [{ ref, before, after }], signedIn(call))
}

/** Git's own objects: refs, trees, blobs. */
export const gitDataRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${root}/git/ref/{ref+}`,
    needs: reads,
    async run(call) {
      const found = await refAnswer(call, repositoryOf(call), `refs/${param(call, 'ref')}`)
      if (found === undefined) throw notFound()
      return ok(found)
    },
  },
  {
    method: 'POST',
    path: `${root}/git/refs`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const { ref, sha } = bodyOf(call, refSchema)
      if (!/^refs\/[^/]+\/.+/.test(ref))
        throw new GithubError(422, 'Reference name must start with "refs/" and have at least two slashes.')
      if ((await refAnswer(call, repository, ref)) !== undefined)
        throw new GithubError(422, 'Reference already exists')
      if ((await resolveCommit(gitFolder(call.hub, repository), sha)) !== sha)
        throw new GithubError(422, 'Object does not exist')
      await updateRef(call, repository, ref, sha, noCommit)
      return created(await refAnswer(call, repository, ref))
    },
  },
  {
    method: 'PATCH',
    path: `${root}/git/refs/{ref+}`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const folder = gitFolder(call.hub, repository)
      const ref = `refs/${param(call, 'ref')}`
      const { sha, force } = bodyOf(
        call,
        z.looseObject({ sha: z.string(), force: z.boolean().default(false) }),
      )
      const known = await refAnswer(call, repository, ref)
      if (known === undefined) throw new GithubError(422, 'Reference does not exist')
      if (
        !force &&
        (await tryGit(folder, ['merge-base', '--is-ancestor', known.object.sha, sha])) === undefined
      )
        throw new GithubError(422, 'Update is not a fast forward')
      await updateRef(call, repository, ref, sha, known.object.sha)
      return ok(await refAnswer(call, repository, ref))
    },
  },
  {
    method: 'DELETE',
    path: `${root}/git/refs/{ref+}`,
    needs: writes,
    async run(call) {
      const repository = repositoryOf(call)
      const ref = `refs/${param(call, 'ref')}`
      const known = await refAnswer(call, repository, ref)
      if (known === undefined) throw new GithubError(422, 'Reference does not exist')
      await git(gitFolder(call.hub, repository), ['update-ref', '-d', ref])
      return noContent
    },
  },
  {
    method: 'GET',
    path: `${root}/git/trees/{tree_sha}`,
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      const folder = gitFolder(call.hub, repository)
      const name = param(call, 'tree_sha')
      const sha =
        (await resolveCommit(folder, name)) ??
        (await tryGit(folder, ['rev-parse', '--verify', '--quiet', `${name}^{tree}`]))?.trim()
      if (sha === undefined) throw notFound()
      const url = repositoryUrl(repository, call.bases)
      const entries = (await listTree(folder, sha, call.query.has('recursive'))) ?? []
      return ok({
        sha,
        url: `${url}/git/trees/${sha}`,
        tree: entries.map(one => ({
          path: one.path,
          mode: one.mode,
          type: one.type,
          sha: one.sha,
          ...(one.type === 'blob' ? { size: one.size } : {}),
          url: `${url}/git/${one.type}s/${one.sha}`,
        })),
        truncated: false,
      })
    },
  },
  {
    method: 'GET',
    path: `${root}/git/blobs/{file_sha}`,
    needs: reads,
    async run(call) {
      const repository = repositoryOf(call)
      const sha = param(call, 'file_sha')
      if (!/^[0-9a-f]{40}$/.test(sha)) throw invalid({ resource: 'Blob', code: 'invalid', field: 'sha' })
      const content = await git(gitFolder(call.hub, repository), ['cat-file', 'blob', sha]).catch(
        () => undefined,
      )
      if (content === undefined) throw notFound()
      const url = `${repositoryUrl(repository, call.bases)}/git/blobs/${sha}`
      return ok({
        sha,
        node_id: nodeId('B', repository.id),
        size: content.length,
        url,
        content: content.toString('base64'),
        encoding: 'base64',
      })
    },
  },
]
