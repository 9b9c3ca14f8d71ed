import * as z from 'zod'
import type { Identity } from '../cloud.ts'
import { unexpectedAnswerError } from './errors.ts'
import { type AzurePlatform, armScope } from './platform.ts'

/** Claims that say who a token was issued to. https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference */
const claims = z.object({
  oid: z.string(),
  tid: z.string(),
  upn: z.string().optional(),
  unique_name: z.string().optional(),
  appid: z.string().optional(),
  idtyp: z.string().optional(),
})

const subscription = z.object({ subscriptionId: z.string(), displayName: z.string() })

/** Who mlp is to Azure; asks for the subscription, so it also proves that it is there and may be seen. */
export async function identity(platform: AzurePlatform, signal: AbortSignal): Promise<Identity> {
  const [who, arm] = await Promise.all([tokenOwner(platform, signal), platform.arm()])
  const path = `/subscriptions/${platform.subscriptionId}`
  const found = await arm.get(path, '2022-12-01', subscription, signal)
  if (found === undefined) throw unexpectedAnswerError(`GET ${path}`, 'not found')
  return {
    principal: who.upn ?? who.unique_name ?? who.appid ?? who.oid,
    account: found.subscriptionId,
    // Tokens end, but the SDK renews them from what stands behind (a secret, `az login`, a federation).
    validity: { kind: 'renewed' },
  }
}

/** Object and tenant of the caller, from its own token: needed to give it roles. */
export async function tokenOwner(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<z.infer<typeof claims>> {
  const { token } = await platform.accessToken(armScope, signal)
  const payload = token.split('.')[1] ?? ''
  const parsed = claims.safeParse(decode(payload))
  if (!parsed.success) throw unexpectedAnswerError('access token', z.prettifyError(parsed.error))
  return parsed.data
}

function decode(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
