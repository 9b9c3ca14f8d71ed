import * as z from 'zod'
import { MlpError } from '../engine/errors.ts'

const answerSchema = z.object({ value: z.string() })
const timeoutMs = 20_000

/** Whether this is a job of GitHub's that may ask for tokens (`permissions: id-token: write`). */
export function isGitHubJob(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  return Boolean(environment['ACTIONS_ID_TOKEN_REQUEST_URL'] && environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'])
}

/**
 * A token that says which repository and environment this job is of, for `audience`. It lives for minutes, so each use
 * asks for one of its own. Throws MLP3013 when GitHub gives none.
 */
export async function gitHubToken(audience: string): Promise<string> {
  const url = new URL(process.env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '')
  url.searchParams.set('audience', audience)
  try {
    const response = await fetch(url, {
      headers: { authorization: `bearer ${process.env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}` },
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${response.status}: ${text.slice(0, 300)}`)
    return answerSchema.parse(JSON.parse(text)).value
  } catch (cause) {
    throw new MlpError({
      code: 'MLP3013',
      summary: 'GitHub gives this job no token to sign in with',
      detail: cause instanceof Error ? cause.message : String(cause),
      remedy: ['The job needs `permissions: id-token: write`; mlp phase 6 writes workflows that have it.'],
      cause,
    })
  }
}
