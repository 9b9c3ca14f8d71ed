import type { IncomingMessage, ServerResponse } from 'node:http'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { isWithin } from '../arm-id.ts'
import { requiredText, text } from '../attributes.ts'
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
    if (mayAsk(oid, request, world)) return undefined
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

const everything = ['Owner', 'Contributor']
const reading = [...everything, 'Reader']

/**
 * Whether a role of an identity covers what is asked: readers read, contributors change, and the cluster's users get its
 * credentials. What a subscription holds may be listed by whoever has any role in it.
 */
function mayAsk(oid: string, request: ArmRequest, world: World): boolean {
  const reads = request.method === 'GET' || request.method === 'HEAD'
  const own = world.store
    .list('azurerm_role_assignment')
    .filter(({ attributes }) => text(attributes, 'principal_id') === oid)
  if (reads && /^\/subscriptions(\/[^/]+(\/(resourceGroups|resources))?)?\/?$/i.test(request.path))
    return own.length > 0
  return own.some(({ attributes }) => {
    const role = text(attributes, 'role_definition_name') ?? ''
    if (!isWithin(request.path, requiredText(attributes, 'scope'))) return false
    if ((reads ? reading : everything).includes(role)) return true
    if (/\/listClusterUserCredential$/i.test(request.path))
      return /^Azure Kubernetes Service Cluster (User|Admin) Role$/.test(role)
    return reads && /Reader$/.test(role)
  })
}

function unauthorized(code: string, message: string): ArmResponse {
  return {
    ...armError(401, code, message),
    headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${code}"` },
  }
}
