import type { IncomingMessage, ServerResponse } from 'node:http'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { servicePrincipalObjectId } from '../principal.ts'
import { checkToken } from '../tokens.ts'
import { arm } from './arm.ts'
import { armAudiences, entra } from './entra.ts'
import { type ArmRequest, type ArmResponse, armError, readRequest, send } from './exchange.ts'
import { cloudMetadata } from './metadata.ts'
import { retailPrices, retailPricesPath } from './retail-prices.ts'

/** The whole simulated Azure on one host: Entra by its paths, cloud metadata, and Resource Manager for the rest. */
export async function handle(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  world: World,
): Promise<void> {
  try {
    send(outgoing, await answer(await readRequest(incoming), world))
  } catch (error) {
    if (!(error instanceof CloudError)) throw error
    send(outgoing, armError(error.httpStatus, error.code, error.message))
  }
}

async function answer(request: ArmRequest, world: World): Promise<ArmResponse> {
  if (request.path === '/metadata/endpoints') return cloudMetadata(world)
  if (request.path === retailPricesPath) return retailPrices(request, world)
  return (await entra(request, world)) ?? refusal(request, world) ?? arm(request, world)
}

/** ARM's own words for each way a token can be wrong; undefined when it is right. */
function refusal(request: ArmRequest, world: World): ArmResponse | undefined {
  const authorization = request.headers.authorization
  const [, token] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? []
  if (token === undefined)
    return unauthorized(
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing.",
    )
  const verdict = checkToken(world, token, armAudiences(world))
  if (verdict.valid) {
    const { oid } = verdict.claims
    if (oid === servicePrincipalObjectId(world)) return undefined
    // None of phase 1's identities has a role of Resource Manager.
    return armError(
      403,
      'AuthorizationFailed',
      `The client '${oid}' with object id '${oid}' does not have authorization to perform action on '${request.path}' or the scope is invalid.`,
    )
  }
  switch (verdict.reason) {
    case 'expired':
      return unauthorized(
        'ExpiredAuthenticationToken',
        `The access token expiry UTC time '${verdict.expiredAt?.toUTCString()}' is earlier than current UTC time '${new Date().toUTCString()}'.`,
      )
    case 'audience':
      return unauthorized(
        'InvalidAuthenticationTokenAudience',
        `The access token has been obtained for wrong audience or resource. It should exactly match with one of the allowed audiences '${armAudiences(world).join(',')}'.`,
      )
    case 'signature':
    case 'malformed':
      return unauthorized('InvalidAuthenticationToken', 'The access token is invalid.')
  }
}

function unauthorized(code: string, message: string): ArmResponse {
  return {
    ...armError(401, code, message),
    headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${code}"` },
  }
}
