import { request } from 'node:https'
import type { ActionCall } from './action.ts'

/** One HTTPS request to something of the sandbox's. */
export function ask(
  { runtime, signal }: ActionCall,
  url: string,
  more: { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: more.method ?? 'GET',
        headers: more.headers ?? {},
        ca: runtime.request.options.world.caPem,
        signal,
      },
      incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end(more.body)
  })
}

/** A token of the job's own identity; as `core.getIDToken` has it. */
export async function idToken(call: ActionCall, audience: string): Promise<string> {
  const { environment } = call
  const [url, secret] = [
    environment['ACTIONS_ID_TOKEN_REQUEST_URL'],
    environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN'],
  ]
  if (url === undefined || secret === undefined)
    throw new Error(
      'Error message: Unable to get ACTIONS_ID_TOKEN_REQUEST_URL env variable: did you set permissions: id-token: write?',
    )
  const { status, text } = await ask(call, `${url}&audience=${encodeURIComponent(audience)}`, {
    headers: { authorization: `bearer ${secret}` },
  })
  const answer: unknown = status === 200 ? JSON.parse(text) : undefined
  if (typeof answer !== 'object' || answer === null || !('value' in answer))
    throw new Error(`Failed to get ID Token: ${text}`)
  const token = String(answer.value)
  call.runtime.log.mask(token)
  return token
}
