import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Hub } from '../hub.ts'
import type { Repository } from '../records.ts'

/** Whatever the machine's own configuration of git says, it is not the server's. */
export const gitEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  LC_ALL: 'C',
}

/** What git says for the commit of a ref that is not there. */
export const noCommit = '0'.repeat(40)

export function gitFolder(hub: Pick<Hub, 'folder'>, repository: Pick<Repository, 'id'>): string {
  return join(hub.folder, 'repositories', `${repository.id}.git`)
}

/** Runs git in a bare repository; its output, as bytes. Throws with what it said when it fails. */
export async function git(
  folder: string,
  args: readonly string[],
  more: { readonly input?: string | Buffer; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<Buffer> {
  const child = spawn('git', ['-C', folder, ...args], {
    env: { ...gitEnvironment, ...more.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  // A command that needs no input may have ended before it is written.
  child.stdin.on('error', () => undefined)
  child.stdin.end(more.input)
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', status => resolve(status ?? 128))
  })
  if (code !== 0)
    throw new Error(`git ${args.join(' ')}: exit ${code}: ${Buffer.concat(err).toString('utf8')}`)
  return Buffer.concat(out)
}

/** Like `git`, undefined when it fails: for what may well not be there. */
export async function tryGit(folder: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await git(folder, args)).toString('utf8')
  } catch {
    return undefined
  }
}

/** All refs and the commits that they are at. */
export async function refsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const listed = await git(folder, ['for-each-ref', '--format=%(refname) %(objectname)'])
  const lines = listed.toString('utf8').split('\n').filter(Boolean)
  return new Map(lines.map(line => [line.split(' ')[0] ?? '', line.split(' ')[1] ?? '']))
}

/** The commit that a branch, a tag, a full ref or a hash names. */
export async function resolveCommit(folder: string, name: string): Promise<string | undefined> {
  if (name.startsWith('-') || /[\s~^:?*[\\]|\.\./.test(name)) return undefined
  for (const candidate of [`refs/heads/${name}`, `refs/tags/${name}`, name]) {
    const found = await tryGit(folder, ['rev-parse', '--verify', '--quiet', `${candidate}^{commit}`])
    if (found !== undefined) return found.trim()
  }
  return undefined
}

export interface Commit {
  readonly sha: string
  readonly tree: string
  readonly parents: readonly string[]
  readonly author: Person
  readonly committer: Person
  readonly message: string
}

interface Person {
  readonly name: string
  readonly email: string
  readonly date: string
}

export async function readCommit(folder: string, sha: string): Promise<Commit | undefined> {
  const format = ['%H', '%T', '%P', '%an', '%ae', '%aI', '%cn', '%ce', '%cI', '%B'].join('%x00')
  const shown = await tryGit(folder, ['show', '--no-patch', `--format=${format}`, sha])
  if (shown === undefined) return undefined
  const [
    hash = '',
    tree = '',
    parents = '',
    an = '',
    ae = '',
    at = '',
    cn = '',
    ce = '',
    ct = '',
    message = '',
  ] = shown.split('\0')
  return {
    sha: hash,
    tree,
    parents: parents.split(' ').filter(Boolean),
    author: { name: an, email: ae, date: inUtc(at) },
    committer: { name: cn, email: ce, date: inUtc(ct) },
    message: message.trimEnd(),
  }
}

function inUtc(date: string): string {
  return new Date(date).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The files that differ between two commits; all of the second's when the first is none. */
export async function changedFiles(
  folder: string,
  before: string,
  after: string,
): Promise<readonly string[]> {
  const listed = /^0+$/.test(before)
    ? await tryGit(folder, ['ls-tree', '-r', '-z', '--name-only', after])
    : await tryGit(folder, ['diff', '--name-only', '-z', before, after])
  return (listed ?? '').split('\0').filter(Boolean)
}

export async function readFile(folder: string, commit: string, path: string): Promise<Buffer | undefined> {
  try {
    return await git(folder, ['cat-file', 'blob', `${commit}:${path}`])
  } catch {
    return undefined
  }
}
