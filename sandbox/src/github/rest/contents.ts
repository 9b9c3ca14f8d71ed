import { createHash } from 'node:crypto'
import * as z from 'zod'
import { user } from '../accounts.ts'
import { GithubError, invalid, notFound } from '../errors.ts'
import {
  type Commit,
  changedFiles,
  git,
  gitFolder,
  noCommit,
  readCommit,
  readFile,
  refsOf,
  resolveCommit,
  tryGit,
} from '../git/git.ts'
import { announce } from '../git/pushed.ts'
import type { Repository } from '../records.ts'
import {
  bodyOf,
  type Call,
  created,
  noContent,
  ok,
  page,
  param,
  type Route,
  repositoryOf,
  signedIn,
} from './call.ts'
import { commitFiles } from './commit-files.ts'
import type { Schema } from './schemas.ts'
import { nodeId, showAccount } from './show-account.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'contents', access: 'read' } as const
const writes = { permission: 'contents', access: 'write' } as const

async function commitOf(call: Call, repository: Repository, name: string | null): Promise<string> {
  const folder = gitFolder(call.hub, repository)
  if ((await refsOf(folder)).size === 0) throw new GithubError(404, 'This repository is empty.')
  const found = await resolveCommit(folder, name ?? repository.defaultBranch)
  if (found === undefined)
    throw new GithubError(404, `No commit found for the ref ${name ?? repository.defaultBranch}`)
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

function entry(
  call: Call,
  repository: Repository,
  ref: string,
  kind: 'file' | 'dir' | 'symlink',
  path: string,
  sha: string,
  size: number,
) {
  const url = repositoryUrl(repository, call.bases)
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  const own = `${url}/contents/${encoded}?ref=${encodeURIComponent(ref)}`
  const shownAt = `${repositoryPage(repository, call.bases)}/${kind === 'dir' ? 'tree' : 'blob'}/${ref}/${encoded}`
  const object = `${url}/git/${kind === 'dir' ? 'trees' : 'blobs'}/${sha}`
  return {
    type: kind,
    name: path.split('/').at(-1) ?? '',
    path,
    sha,
    size,
    url: own,
    html_url: shownAt,
    git_url: object,
    download_url: kind === 'dir' ? null : `${repositoryPage(repository, call.bases)}/raw/${ref}/${encoded}`,
    _links: { self: own, git: object, html: shownAt },
  }
}

interface TreeEntry {
  readonly mode: string
  readonly type: string
  readonly sha: string
  readonly size: number
  readonly path: string
}

async function listTree(
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

const refSchema = z.looseObject({ ref: z.string(), sha: z.string() })

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

async function getContents(call: Call, path: string) {
  const repository = repositoryOf(call)
  const folder = gitFolder(call.hub, repository)
  const ref = call.query.get('ref') ?? repository.defaultBranch
  const commit = await commitOf(call, repository, ref)
  const clean = path.replace(/^\/+|\/+$/g, '')
  if (clean !== '') {
    const [found] = (await listTree(folder, commit, true))?.filter(one => one.path === clean) ?? []
    if (found === undefined) throw notFound()
    if (found.type === 'blob') {
      const content = (await readFile(folder, commit, clean)) ?? Buffer.alloc(0)
      if (call.accept.includes('raw'))
        return {
          status: 200,
          body: content,
          headers: { 'content-type': 'application/vnd.github.raw; charset=utf-8' },
        }
      const lines = content.toString('base64').replace(/.{60}/g, '$&\n')
      return ok({
        ...entry(call, repository, ref, 'file', clean, found.sha, found.size),
        encoding: 'base64',
        content: lines.endsWith('\n') ? lines : `${lines}\n`,
      })
    }
  }
  const entries = await listTree(folder, clean === '' ? commit : `${commit}:${clean}`)
  return ok(
    (entries ?? []).map(one =>
      entry(
        call,
        repository,
        ref,
        one.type === 'tree' ? 'dir' : one.mode === '120000' ? 'symlink' : 'file',
        clean === '' ? one.path : `${clean}/${one.path}`,
        one.sha,
        one.size,
      ),
    ),
  )
}

const person = z.object({ name: z.string(), email: z.string() })
const changeSchema = z.looseObject({
  message: z.string(),
  sha: z.string().optional(),
  branch: z.string().optional(),
  author: person.optional(),
  committer: person.optional(),
})

async function change(call: Call, content: Buffer | undefined) {
  const repository = repositoryOf(call)
  const folder = gitFolder(call.hub, repository)
  const asked = bodyOf(call, changeSchema)
  const path = param(call, 'path').replace(/^\/+/, '')
  const token = signedIn(call)
  if (/^\.github\/workflows\//.test(path) && token.kind === 'classic' && !token.scopes.includes('workflow'))
    throw notFound()
  const branch = asked.branch ?? repository.defaultBranch
  const head = await resolveCommit(folder, branch)
  if (head === undefined && (await refsOf(folder)).size > 0)
    throw new GithubError(404, `Branch ${branch} not found`)
  const before =
    head === undefined
      ? undefined
      : (await tryGit(folder, ['rev-parse', '--verify', '--quiet', `${head}:${path}`]))?.trim()
  if (before !== undefined && asked.sha === undefined)
    throw new GithubError(422, `Invalid request.\n\n"sha" wasn't supplied.`)
  if (asked.sha !== undefined && asked.sha !== before)
    throw new GithubError(
      before === undefined && content === undefined ? 404 : 409,
      `${path} does not match ${asked.sha}`,
    )
  if (content === undefined && before === undefined) throw notFound()
  const sha = await commitFiles(call.hub, repository, token, {
    branch,
    message: asked.message,
    files: [{ path, content }],
    author: asked.author ?? asked.committer,
  })
  const commit = await readCommit(folder, sha)
  const blob =
    content === undefined
      ? undefined
      : createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  return {
    status: before === undefined ? 201 : 200,
    body: {
      content:
        blob === undefined ? null : entry(call, repository, branch, 'file', path, blob, content?.length ?? 0),
      commit:
        commit === undefined
          ? null
          : {
              ...showCommit(call, repository, commit),
              message: commit.message,
              author: commit.author,
              committer: commit.committer,
              tree: { sha: commit.tree },
            },
    },
  }
}

export const contentRoutes: readonly Route[] = [
  { method: 'GET', path: `${root}/contents`, needs: reads, run: call => getContents(call, '') },
  {
    method: 'GET',
    path: `${root}/contents/{path+}`,
    needs: reads,
    run: call => getContents(call, param(call, 'path')),
  },
  {
    method: 'PUT',
    path: `${root}/contents/{path+}`,
    needs: writes,
    run(call) {
      const { content } = bodyOf(call, z.looseObject({ content: z.string() }))
      if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(content))
        throw new GithubError(422, 'content is not valid Base64')
      return change(call, Buffer.from(content, 'base64'))
    },
  },
  { method: 'DELETE', path: `${root}/contents/{path+}`, needs: writes, run: call => change(call, undefined) },
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
      const found = await resolveCommit(folder, param(call, 'ref'))
      if (found === undefined) throw new GithubError(422, `No commit found for SHA: ${param(call, 'ref')}`)
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
