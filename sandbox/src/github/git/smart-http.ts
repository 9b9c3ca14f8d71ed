import { spawn } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { findRepository, type Hub } from '../hub.ts'
import type { Repository, TokenRecord } from '../records.ts'
import { atLeast, hasScope, maySee, roleOf } from '../rights.ts'
import { readToken } from '../tokens.ts'
import { git, gitEnvironment, gitFolder, noCommit, refsOf } from './git.ts'
import { announce } from './pushed.ts'
import { pushRules } from './rules.ts'

const servicePath = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/

/**
 * Git's smart HTTP protocol by git's own server program, in front of it GitHub's sign-in: a token as the password, of
 * any user name. False when the path is none of git's. https://git-scm.com/docs/git-http-backend
 */
export async function answerGit(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  hub: Hub,
): Promise<boolean> {
  const [, owner = '', name = '', part = ''] = servicePath.exec(url.pathname) ?? []
  if (part === '') return false
  const service = part === 'info/refs' ? (url.searchParams.get('service') ?? '') : part
  const writes = service === 'git-receive-pack'
  if (service !== 'git-upload-pack' && !writes) {
    plain(
      response,
      403,
      'Please upgrade your git client.\nGitHub.com no longer supports git over dumb-http: https://github.blog/2011-03-09-git-dumb-http-transport-to-be-turned-off-in-90-days/',
    )
    return true
  }
  const password = passwordOf(request)
  const token = password === undefined ? undefined : readToken(hub.world, hub.records, password)
  if (password !== undefined && token === undefined) {
    unauthorized(
      response,
      'Invalid username or token. Password authentication is not supported for Git operations.',
    )
    return true
  }
  const repository = findRepository(hub, decodeURIComponent(owner), decodeURIComponent(name))
  if (repository === undefined || !maySee(repository, token)) {
    if (token === undefined) unauthorized(response, '')
    else plain(response, 404, 'Repository not found.')
    return true
  }
  if (writes && token === undefined) {
    unauthorized(response, '')
    return true
  }
  if (token !== undefined && !mayUseGit(repository, token, writes)) {
    plain(
      response,
      403,
      `${writes ? 'Permission' : 'Access'} to ${repository.owner}/${repository.name}.git denied to ${token.login}.`,
    )
    return true
  }
  if (writes && repository.archived) {
    plain(response, 403, 'This repository was archived so it is read-only.')
    return true
  }
  if (part === 'git-receive-pack' && token !== undefined)
    await oneAfterAnother(repository.id, () => receive(request, response, url, repository, token, hub))
  else await backend(request, response, url, repository, token, hub)
  return true
}

function mayUseGit(repository: Repository, token: TokenRecord, writes: boolean): boolean {
  if (token.kind === 'job') {
    const given = token.repositoryIds.includes(repository.id) ? token.permissions['contents'] : undefined
    return given === 'write' || (!writes && (given === 'read' || !repository.private))
  }
  const role = roleOf(repository, token.login)
  if (!atLeast(role, writes ? 'write' : 'read')) return false
  if (!writes && !repository.private) return true
  if (token.kind === 'classic') return hasScope(token, repository)
  return token.permissions['contents'] === 'write' || (!writes && token.permissions['contents'] === 'read')
}

/** Why this token may not push workflows: how GitHub names its kind; empty when it may. */
function workflowRefusal(token: TokenRecord): string {
  if (token.kind === 'classic') return token.scopes.includes('workflow') ? '' : 'a Personal Access Token'
  return token.permissions['workflows'] === 'write'
    ? ''
    : token.kind === 'job'
      ? 'a GitHub App'
      : 'a Personal Access Token'
}

const pushes = new Map<number, Promise<unknown>>()

/** Pushes to one repository follow one another, so that each is seen as what it changed. */
function oneAfterAnother<T>(id: number, work: () => Promise<T>): Promise<T> {
  const next = (pushes.get(id) ?? Promise.resolve()).then(work, work)
  pushes.set(id, next)
  return next
}

async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  repository: Repository,
  token: TokenRecord,
  hub: Hub,
): Promise<void> {
  const before = await refsOf(gitFolder(hub, repository))
  // Whoever pushed is answered when everything that follows from it has begun.
  await backend(request, response, url, repository, token, hub, () => follow(hub, repository, before, token))
}

async function follow(
  hub: Hub,
  repository: Repository,
  before: ReadonlyMap<string, string>,
  token: TokenRecord,
): Promise<void> {
  const folder = gitFolder(hub, repository)
  const after = await refsOf(folder)
  const changes = [...new Set([...before.keys(), ...after.keys()])]
    .map(ref => ({ ref, before: before.get(ref) ?? noCommit, after: after.get(ref) ?? noCommit }))
    .filter(change => change.before !== change.after)
  // The first branch that is pushed to an empty repository becomes its default, where that was not among them.
  const current = hub.records.repositories.get(String(repository.id))
  const branches = [...after.keys()].filter(ref => ref.startsWith('refs/heads/'))
  if (
    current !== undefined &&
    before.size === 0 &&
    branches.length > 0 &&
    !after.has(`refs/heads/${current.defaultBranch}`)
  ) {
    const defaultBranch = (branches[0] ?? '').slice('refs/heads/'.length)
    hub.records.repositories.put(String(current.id), { ...current, defaultBranch })
    await git(folder, ['symbolic-ref', 'HEAD', `refs/heads/${defaultBranch}`])
  }
  if (changes.length > 0) await announce(hub, repository, changes, token)
}

/** Runs `git http-backend` as CGI (RFC 3875) and streams its answer. */
async function backend(
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  repository: Repository,
  token: TokenRecord | undefined,
  hub: Hub,
  beforeEnd?: () => Promise<void>,
): Promise<void> {
  const part = servicePath.exec(url.pathname)?.[3] ?? ''
  const child = spawn('git', ['http-backend'], {
    env: {
      ...gitEnvironment,
      GIT_PROJECT_ROOT: join(hub.folder, 'repositories'),
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: `/${repository.id}.git/${part}`,
      REQUEST_METHOD: request.method ?? 'GET',
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-length'] === undefined
        ? {}
        : { CONTENT_LENGTH: request.headers['content-length'] }),
      ...(request.headers['content-encoding'] === undefined
        ? {}
        : { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
      ...(request.headers['git-protocol'] === undefined
        ? {}
        : { GIT_PROTOCOL: String(request.headers['git-protocol']) }),
      ...(token === undefined
        ? {}
        : {
            REMOTE_USER: token.login,
            HUB_RULES: pushRules(hub, repository, token.login),
            HUB_NO_WORKFLOWS: workflowRefusal(token),
          }),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => undefined)
  child.stderr.on('data', (chunk: Buffer) => hub.world.log(`github: git: ${chunk.toString('utf8').trim()}`))
  response.on('close', () => {
    if (child.exitCode === null && !response.writableEnded) child.kill()
  })
  request.pipe(child.stdin)
  let head = Buffer.alloc(0)
  let isBody = false
  child.stdout.on('data', (chunk: Buffer) => {
    if (isBody) {
      if (!response.write(chunk)) {
        child.stdout.pause()
        response.once('drain', () => child.stdout.resume())
      }
      return
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    isBody = true
    const lines = head.subarray(0, end).toString('utf8').split('\r\n')
    const headers = Object.fromEntries(
      lines.map(line => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    )
    const { status = '200', ...others } = headers
    response.writeHead(Number.parseInt(status, 10), others)
    response.write(head.subarray(end + 4))
  })
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve())
  })
  if (!isBody && !response.headersSent) response.writeHead(500)
  try {
    await beforeEnd?.()
  } finally {
    response.end()
  }
}

function passwordOf(request: IncomingMessage): string | undefined {
  const [scheme = '', value = ''] = (request.headers.authorization ?? '').split(' ')
  if (/^bearer$/i.test(scheme)) return value
  if (!/^basic$/i.test(scheme)) return undefined
  const [user = '', ...rest] = Buffer.from(value, 'base64').toString('utf8').split(':')
  // A token may stand in either place.
  const password = rest.join(':')
  return password === '' || password === 'x-oauth-basic' ? user : password
}

function unauthorized(response: ServerResponse, message: string): void {
  response
    .writeHead(401, {
      'www-authenticate': 'Basic realm="GitHub"',
      'content-type': 'text/plain; charset=UTF-8',
    })
    .end(message === '' ? 'No anonymous write access.' : message)
}

function plain(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=UTF-8' }).end(`${message}\n`)
}
