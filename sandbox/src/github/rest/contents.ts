import { createHash } from 'node:crypto'
import * as z from 'zod'
import { GithubError, notFound } from '../errors.ts'
import { gitFolder, readCommit, readFile, refsOf, resolveCommit, tryGit } from '../git/git.ts'
import type { Repository } from '../records.ts'
import { bodyOf, type Call, ok, param, type Route, repositoryOf, signedIn } from './call.ts'
import { commitFiles } from './commit-files.ts'
import { commitOf, showCommit } from './commits.ts'
import { listTree } from './git-data.ts'
import { repositoryPage, repositoryUrl } from './show-repository.ts'

const root = '/repos/{owner}/{repo}'
const reads = { permission: 'contents', access: 'read' } as const
const writes = { permission: 'contents', access: 'write' } as const

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
]
