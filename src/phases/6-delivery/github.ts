import type { Octokit } from '@octokit/core'
import type { GitHubTarget } from '../../clouds/target.ts'
import { MlpError } from '../../engine/errors.ts'
import { runCommand } from '../../tools/exec.ts'
import type { Context } from '../phase.ts'
import { gitHubError, statusOf } from './github-errors.ts'

type GitHubContext = Pick<Context, 'target' | 'consent' | 'signal' | 'emit'>

/** GitHub as the operator sees it. Everything that is asked of it goes through here, with mlp's own errors. */
export interface GitHub {
  readonly target: GitHubTarget
  /** For git. A secret. */
  readonly token: string
  /** Throws MLP5303 to MLP5305; `what` completes "while …". */
  ask<T>(what: string, question: (octokit: Octokit) => Promise<{ readonly data: T }>): Promise<T>
  /** The same, but undefined where GitHub says that it is not there. */
  find<T>(what: string, question: (octokit: Octokit) => Promise<{ readonly data: T }>): Promise<T | undefined>
  /** Who the token is, and which scopes it has; undefined scopes: a token that does not tell. */
  whoami(): Promise<{ readonly login: string; readonly scopes: readonly string[] | undefined }>
}

const publicGitHub: GitHubTarget = {
  apiUrl: 'https://api.github.com',
  webUrl: 'https://github.com',
  environment: {},
}
const apiVersion = '2022-11-28'
const requestTimeoutMs = 30_000
const opened = new WeakMap<object, Promise<GitHub>>()

function gitHubTarget({ target }: Pick<Context, 'target'>): GitHubTarget {
  return target.github ?? publicGitHub
}

/** One client a run: the token is looked for, or asked for, once. Throws MLP5301 (exit 5) where there is none. */
export function openGitHub(context: GitHubContext): Promise<GitHub> {
  const known = opened.get(context.target)
  if (known !== undefined) return known
  const opening = open(context)
  opened.set(context.target, opening)
  // Not kept: the next one may ask a person.
  opening.catch(() => opened.delete(context.target))
  return opening
}

async function open(context: GitHubContext): Promise<GitHub> {
  const target = gitHubTarget(context)
  const token = await findToken(context, target)
  const [{ Octokit: Core }, { retry }] = await Promise.all([
    import('@octokit/core'),
    import('@octokit/plugin-retry'),
  ])
  const octokit = new (Core.plugin(retry))({
    auth: token,
    baseUrl: target.apiUrl,
    userAgent: 'mlp',
    request: {
      // By the context of each question: an interrupt ends what is being waited for.
      fetch: (url: string, init: RequestInit) =>
        fetch(url, {
          ...init,
          signal: AbortSignal.any([context.signal, AbortSignal.timeout(requestTimeoutMs)]),
        }),
    },
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
  })
  octokit.hook.before('request', options => {
    options.headers['x-github-api-version'] = apiVersion
  })
  const ask: GitHub['ask'] = async (what, question) => {
    try {
      return (await question(octokit)).data
    } catch (error) {
      context.signal.throwIfAborted()
      throw gitHubError(error, what, target)
    }
  }
  return {
    target,
    token,
    ask,
    async find(what, question) {
      try {
        return await ask(what, question)
      } catch (error) {
        if (error instanceof MlpError && statusOf(error.cause) === 404) return undefined
        throw error
      }
    },
    async whoami() {
      let scopes: readonly string[] | undefined
      const { login } = await ask('asking who the token is', async octokit => {
        const answer = await octokit.request('GET /user')
        const header = answer.headers['x-oauth-scopes']
        scopes = header === undefined ? undefined : header.split(',').map(scope => scope.trim())
        return answer
      })
      return { login, scopes }
    },
  }
}

async function findToken(context: GitHubContext, target: GitHubTarget): Promise<string> {
  const named = target.environment['GH_TOKEN'] || process.env['GH_TOKEN'] || process.env['GITHUB_TOKEN']
  if (named) return named
  const ofTheirCli = await tokenOfCli(context)
  if (ofTheirCli !== undefined) return ofTheirCli
  try {
    return await context.consent.secret({
      message: `Token for ${new URL(target.webUrl).host} (scopes repo and workflow)`,
      flag: 'GH_TOKEN in the environment',
    })
  } catch (cause) {
    if (!(cause instanceof MlpError) || cause.code !== 'MLP5001') throw cause
    throw new MlpError({
      code: 'MLP5301',
      summary: 'There is no token for GitHub',
      detail: 'Neither GH_TOKEN nor `gh auth token` has one, and nobody can be asked here.',
      remedy: ['gh auth login --scopes repo,workflow', 'Or set GH_TOKEN to a token with these scopes.'],
      cause,
    })
  }
}

async function tokenOfCli(context: GitHubContext): Promise<string | undefined> {
  try {
    const { stdout } = await runCommand(context, {
      file: 'gh',
      args: ['auth', 'token'],
      timeoutMs: 10_000,
      toText: () => '(token)',
    })
    return stdout.trim() === '' ? undefined : stdout.trim()
  } catch (error) {
    if (error instanceof MlpError && error.code !== 'MLP5130') return undefined
    throw error
  }
}
