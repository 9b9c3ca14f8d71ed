import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MlpError } from '../engine/errors.ts'
import { type CommandResult, type ExecContext, runCommand } from './exec.ts'

export interface RemoteOptions {
  /** `https://github.com/<owner>/<name>.git` */
  readonly url: string
  /** Goes in by the environment. */
  readonly token: string
  readonly environment: Readonly<Record<string, string>>
  /** A bare repository that mlp keeps for itself, so that nobody's working tree, index or branch is touched. */
  readonly folder: string
  readonly step?: string
}

/** The newest commit of a branch, and the content of its files by path; undefined where there is no such branch. */
export interface Head {
  readonly commit: string
  /** Object ids by path. */
  readonly files: ReadonlyMap<string, string>
}

/** One branch of one remote repository. */
export interface Remote {
  head(branch: string): Promise<Head | undefined>
  /** Object id of a content, as `Head.files` has it. */
  idOf(content: string): string
  read(id: string): Promise<string>
  /** One commit on top of `onto` with these files in their place; undefined content: removed. Pushed, never by force. */
  commit(
    branch: string,
    onto: Head | undefined,
    files: ReadonlyMap<string, string | undefined>,
    message: string,
  ): Promise<string>
}

const timeoutMs = 120_000

export async function openRemote(context: ExecContext, options: RemoteOptions): Promise<Remote> {
  const { folder, url } = options
  const basic = Buffer.from(`x-access-token:${options.token}`).toString('base64')
  const environment = {
    ...options.environment,
    GIT_TERMINAL_PROMPT: '0',
    // A token in a URL or an argument would be seen by every process of the machine.
    GIT_CONFIG_COUNT: '2',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `AUTHORIZATION: basic ${basic}`,
    GIT_CONFIG_KEY_1: 'credential.helper',
    GIT_CONFIG_VALUE_1: '',
  }
  const git = (
    args: readonly string[],
    more: {
      readonly input?: string
      readonly env?: Readonly<Record<string, string>>
      readonly accept?: readonly number[]
    } = {},
  ): Promise<CommandResult> =>
    runCommand(context, {
      file: 'git',
      args: ['--git-dir', folder, ...args],
      env: { ...environment, ...more.env },
      secrets: [options.token, basic],
      timeoutMs,
      ...(more.input === undefined ? {} : { input: more.input }),
      ...(more.accept === undefined ? {} : { acceptExitCodes: more.accept }),
      ...(options.step === undefined ? {} : { step: options.step }),
    })
  if (!existsSync(join(folder, 'HEAD'))) await git(['init', '--quiet', '--bare', folder])

  const author = async (): Promise<Readonly<Record<string, string>>> => {
    const asked = async (key: string) => (await git(['config', key], { accept: [0, 1] })).stdout.trim()
    const [name, email] = await Promise.all([asked('user.name'), asked('user.email')])
    const who = { name: name || 'mlp', email: email || 'mlp@localhost' }
    return {
      GIT_AUTHOR_NAME: who.name,
      GIT_AUTHOR_EMAIL: who.email,
      GIT_COMMITTER_NAME: who.name,
      GIT_COMMITTER_EMAIL: who.email,
    }
  }
  const store = async (content: string): Promise<string> =>
    (await git(['hash-object', '-w', '--stdin'], { input: content })).stdout.trim()

  return {
    async head(branch) {
      const found = await git(['ls-remote', url, `refs/heads/${branch}`])
      if (found.stdout.trim() === '') return undefined
      const ref = `refs/remotes/origin/${branch}`
      await git(['fetch', '--quiet', '--depth', '1', url, `+refs/heads/${branch}:${ref}`])
      const commit = (await git(['rev-parse', ref])).stdout.trim()
      const listed = (await git(['ls-tree', '-r', '-z', commit])).stdout
      const files = listed.split('\0').flatMap(line => {
        const [facts = '', path] = line.split('\t')
        return path === undefined ? [] : [[path, facts.split(' ')[2] ?? ''] as const]
      })
      return { commit, files: new Map(files) }
    },
    // GitHub's repositories are all of SHA-1.
    idOf: content =>
      createHash('sha1')
        .update(`blob ${Buffer.byteLength(content)}\0`)
        .update(content)
        .digest('hex'),
    read: async id => (await git(['cat-file', 'blob', id])).stdout,
    async commit(branch, onto, files, message) {
      const scratch = await mkdtemp(join(tmpdir(), 'mlp-git-'))
      try {
        const env = { GIT_INDEX_FILE: join(scratch, 'index'), ...(await author()) }
        await git(onto === undefined ? ['read-tree', '--empty'] : ['read-tree', onto.commit], { env })
        for (const [path, content] of files) {
          const change =
            content === undefined
              ? ['update-index', '--force-remove', path]
              : ['update-index', '--add', '--cacheinfo', `100644,${await store(content)},${path}`]
          // A bare repository has no working tree, which `update-index` asks for and does not look at.
          await git(['--work-tree', scratch, ...change], { env })
        }
        const tree = (await git(['write-tree'], { env })).stdout.trim()
        const parents = onto === undefined ? [] : ['-p', onto.commit]
        const commit = (await git(['commit-tree', tree, ...parents, '-m', message], { env })).stdout.trim()
        await push(git, options, branch, commit)
        return commit
      } finally {
        await rm(scratch, { recursive: true, force: true })
      }
    },
  }
}

async function push(
  git: (args: readonly string[]) => Promise<CommandResult>,
  { url }: RemoteOptions,
  branch: string,
  commit: string,
): Promise<void> {
  try {
    await git(['push', '--quiet', url, `${commit}:refs/heads/${branch}`])
  } catch (error) {
    if (!(error instanceof MlpError) || error.code !== 'MLP2002') throw error
    const movedOn = /non-fast-forward|fetch first|stale info/.test(error.detail ?? '')
    throw new MlpError({
      code: 'MLP5306',
      summary: movedOn
        ? `The branch ${branch} of ${url} moved on while mlp wrote its commit`
        : `${url} does not take a push to ${branch}`,
      detail: error.detail,
      remedy: movedOn
        ? ['Run the same command again.']
        : [
            `Let the token's owner push to ${branch} (branch protection, rulesets), then run the same command again.`,
            'Or name a branch that takes pushes under delivery.branch in mlp.yaml.',
          ],
      cause: error,
    })
  }
}
