import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Octokit } from '@octokit/rest'
import * as z from 'zod'
import { control, eventually, kill9, ready, spawnDaemon } from './core-daemon-process.ts'

const targetSchema = z.object({
  github: z.object({ apiUrl: z.string(), webUrl: z.string(), environment: z.record(z.string(), z.string()) }),
})

export interface SandboxWithGithub {
  readonly home: string
  readonly apiUrl: string
  readonly webUrl: string
  readonly token: string
  readonly environment: Readonly<Record<string, string>>
  /** A client as mlp has one, of the sandbox's own token or of another; an empty one has none. */
  client(token?: string): Octokit
  /** A token of somebody else, or of fewer rights. */
  issue(asked: object): Promise<string>
  git(folder: string, ...args: readonly string[]): Promise<string>
  /** A clone with these files committed and pushed to `main`. */
  push(repository: string, files: Readonly<Record<string, string>>, message?: string): Promise<string>
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Octokit with the sandbox's authority: Node's own fetch takes none, so requests go over node:https. */
function fetchWith(ca: string): typeof fetch {
  const agent = new Agent({ ca })
  const ask = (url: URL, init: RequestInit, redirects: number): Promise<Response> =>
    new Promise((resolve, reject) => {
      const headers = Object.fromEntries(new Headers(init.headers).entries())
      const outgoing = httpsRequest(url, { agent, method: init.method ?? 'GET', headers }, incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const { location } = incoming.headers
          if (location !== undefined && incoming.statusCode === 302 && redirects > 0)
            return ask(new URL(location, url), {}, redirects - 1).then(resolve, reject)
          const status = incoming.statusCode ?? 500
          const bare = status === 204 || status === 304
          const answered = new Headers()
          for (const [name, value] of Object.entries(incoming.headers)) answered.set(name, String(value))
          const response = new Response(bare ? null : Buffer.concat(chunks), { status, headers: answered })
          Object.defineProperty(response, 'url', { value: url.href })
          return resolve(response)
        })
      })
      outgoing.on('error', reject)
      outgoing.end(typeof init.body === 'string' ? init.body : undefined)
    })
  return (input, init) => ask(new URL(String(input)), init ?? {}, 5)
}

function spawnWhole(home: string): ChildProcess {
  const entry = fileURLToPath(new URL('../src/main.ts', import.meta.url))
  return spawn(process.execPath, [entry, home, 'serve', 'test'], {
    env: { ...process.env, MLP_SANDBOX_TIME_SCALE: '0' },
    stdio: 'inherit',
  })
}

/** With the clouds that only tests have, which start quicker, or with the three. */
export async function startSandboxWithGithub({
  clouds = 'test',
}: {
  readonly clouds?: 'test' | 'real'
} = {}): Promise<SandboxWithGithub> {
  const root = await mkdtemp(join(tmpdir(), 'mlp-github-test-'))
  const home = join(root, 'home')
  const start = () => (clouds === 'test' ? spawnDaemon(home) : spawnWhole(home))
  let daemon: ChildProcess = start()
  await ready(home, daemon)
  const { github } = targetSchema.parse(await control(home, 'GET', '/target'))
  const ca = await readFile(join(home, 'ca.pem'), 'utf8')
  const token = github.environment['GH_TOKEN'] ?? ''
  const fetchOverTls = fetchWith(ca)
  const client = (auth = token) =>
    new Octokit({
      ...(auth === '' ? {} : { auth }),
      baseUrl: github.apiUrl,
      request: { fetch: fetchOverTls },
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    })
  const git = async (folder: string, ...args: readonly string[]) => {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, ...args], {
      env: {
        PATH: process.env['PATH'],
        HOME: root,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_TERMINAL_PROMPT: '0',
        GIT_AUTHOR_NAME: 'A Tester',
        GIT_AUTHOR_EMAIL: 'tester@example.com',
        GIT_COMMITTER_NAME: 'A Tester',
        GIT_COMMITTER_EMAIL: 'tester@example.com',
        ...github.environment,
      },
    })
    return stdout.trim()
  }
  let clones = 0
  return {
    home,
    ...github,
    token,
    client,
    async issue(asked) {
      const reply = z
        .object({ token: z.string() })
        .parse(await control(home, 'POST', '/github/tokens', asked))
      return reply.token
    },
    git,
    async push(repository, files, message = 'A change') {
      const folder = join(root, `clone-${clones++}`)
      const url = new URL(`${github.webUrl}/${repository}.git`)
      url.username = 'x-access-token'
      url.password = token
      await mkdir(folder)
      await git(folder, 'init', '--quiet', '--initial-branch=main')
      await git(folder, 'remote', 'add', 'origin', url.href)
      await git(folder, 'fetch', '--quiet', 'origin')
      const there = await git(folder, 'rev-parse', '--verify', '--quiet', 'origin/main').catch(() => '')
      if (there !== '') await git(folder, 'reset', '--quiet', '--hard', 'origin/main')
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(folder, name)), { recursive: true })
        await writeFile(join(folder, name), content)
      }
      await git(folder, 'add', '--all')
      await git(folder, 'commit', '--quiet', '--allow-empty', '-m', message)
      await git(folder, 'push', '--quiet', 'origin', 'HEAD:main')
      return folder
    },
    async restart() {
      await kill9(daemon)
      daemon = start()
      await ready(home, daemon)
    },
    async stop() {
      const ended = once(daemon, 'exit')
      await eventually('a stop', async () => control(home, 'POST', '/stop'))
      await ended
      await rm(root, { recursive: true, force: true })
    },
  }
}
