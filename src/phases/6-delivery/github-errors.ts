import * as z from 'zod'
import type { GitHubTarget } from '../../clouds/target.ts'
import { MlpError } from '../../engine/errors.ts'

/** What Octokit throws for an answer; anything else never had one. */
const answerSchema = z.looseObject({
  status: z.int(),
  message: z.string(),
  response: z
    .looseObject({ headers: z.record(z.string(), z.unknown()).default({}), data: z.unknown() })
    .optional(),
})

export function statusOf(error: unknown): number | undefined {
  return answerSchema.safeParse(error).data?.status
}

/** `what` completes "while …". */
export function gitHubError(error: unknown, what: string, { webUrl }: GitHubTarget): MlpError {
  const host = new URL(webUrl).host
  const answer = answerSchema.safeParse(error)
  if (!answer.success || answer.data.status >= 500) {
    return new MlpError({
      code: 'MLP5304',
      summary: `GitHub (${host}) cannot be asked while ${what}`,
      detail: reasonOf(error),
      remedy: ['Run the same command again.', 'https://www.githubstatus.com tells of outages.'],
      cause: error,
    })
  }
  const { status, message, response } = answer.data
  if (status === 401) {
    return new MlpError({
      code: 'MLP5303',
      summary: `GitHub (${host}) does not accept the token`,
      detail: message,
      remedy: ['gh auth login --scopes repo,workflow', 'Or set GH_TOKEN to a token that is still good.'],
      cause: error,
    })
  }
  const accepted = response?.headers['x-accepted-oauth-scopes']
  const needs = typeof accepted === 'string' && accepted !== '' ? [`It takes the scope ${accepted}.`] : []
  return new MlpError({
    code: 'MLP5305',
    summary: `GitHub (${host}) answers ${status} while ${what}`,
    detail: message,
    remedy:
      status === 403 || status === 404
        ? [
            ...needs,
            'The token has to be of somebody who administers the repository: gh auth refresh --scopes repo,workflow',
          ]
        : ['Run the same command again.'],
    cause: error,
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
