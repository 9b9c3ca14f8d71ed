import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import { type Answered, fetchPatiently } from '../patient-fetch.ts'
import type { AwsPlatform } from './platform.ts'

/** A service that is asked so little that its client would be a dependency more than it is worth. */
export interface JsonService {
  /** As it is called in signatures. */
  readonly name: string
  readonly host: string
  /** Before the operation in `x-amz-target`. */
  readonly target: string
}

/** Services without regions of their own answer, and are signed for, here. */
export const globalRegion = 'us-east-1'

const refusal = z.object({
  __type: z.string().default(''),
  message: z.string().optional(),
  Message: z.string().optional(),
})

/** One signed question in AWS's JSON protocol. Throws an error that is named as the service names it. */
export async function callJson(
  platform: AwsPlatform,
  service: JsonService,
  operation: string,
  input: object,
  signal: AbortSignal,
): Promise<string> {
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const sts = await platform.clients.sts()
  const url = new URL(platform.target.endpoints['aws'] ?? `https://${service.host}`)
  const signer = new SignatureV4({
    service: service.name,
    region: globalRegion,
    credentials: sts.config.credentials,
    sha256: sts.config.sha256,
  })
  const body = JSON.stringify(input)
  const answer = await fetchPatiently(
    async () => {
      const { headers } = await signer.sign({
        method: 'POST',
        protocol: url.protocol,
        hostname: url.hostname,
        ...(url.port === '' ? {} : { port: Number(url.port) }),
        path: '/',
        headers: {
          host: url.host,
          'content-type': 'application/x-amz-json-1.1',
          'x-amz-target': `${service.target}.${operation}`,
        },
        body,
      })
      const { host: _host, ...sent } = headers
      return { url: new URL('/', url), init: { method: 'POST', headers: sent, body } }
    },
    signal,
    isPassing,
  )
  if (answer.status === 200) return answer.body
  const said = refusal.safeParse(parseJson(answer.body)).data
  const name = said?.__type.split('#').at(-1) || String(answer.status)
  throw Object.assign(new Error(said?.message ?? said?.Message ?? answer.body.slice(0, 200)), { name })
}

/** AWS throttles JSON services with 400 as well. */
function isPassing({ status, body }: Answered): boolean {
  return status === 429 || status >= 500 || (status === 400 && /"__type":"[^"]*Throttling/.test(body))
}
