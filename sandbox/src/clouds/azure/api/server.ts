import type { IncomingMessage, ServerResponse } from 'node:http'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { isWithin } from '../arm-id.ts'
import { requiredText, text } from '../attributes.ts'
import { servicePrincipalObjectId } from '../principal.ts'
import { checkToken, logAnalyticsAudience } from '../tokens.ts'
import { arm } from './arm.ts'
import { queriedWorkspace, queryLogs, workspaceOf } from './audit-log.ts'
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
  const customerId = queriedWorkspace(request)
  if (customerId !== undefined) return logAnalytics(customerId, request, world)
  return (await entra(request, world)) ?? refusal(request, world, armAudiences(world)) ?? arm(request, world)
}

/** A host of its own at Azure, with its own audience; rights are those on the workspace, and asking is reading. */
async function logAnalytics(customerId: string, request: ArmRequest, world: World): Promise<ArmResponse> {
  const workspace = workspaceOf(world, customerId)
  const asked = { ...request, method: 'GET', path: workspace?.id ?? request.path }
  const refused = refusal(asked, world, [logAnalyticsAudience])
  if (refused?.status === 403)
    return armError(
      403,
      'InsufficientAccessError',
      'The provided credentials have insufficient access to perform the requested operation',
    )
  if (refused !== undefined) return refused
  if (workspace === undefined)
    return armError(404, 'WorkspaceNotFoundError', `The workspace ${customerId} could not be found.`)
  return queryLogs(request, workspace, world)
}

/** ARM's own words for each way a token can be wrong; undefined when it is right. */
function refusal(request: ArmRequest, world: World, audiences: readonly string[]): ArmResponse | undefined {
  const authorization = request.headers.authorization
  const [, token] = /^Bearer (.+)$/i.exec(authorization ?? '') ?? []
  if (token === undefined)
    return unauthorized(
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is missing.",
    )
  const verdict = checkToken(world, token, audiences)
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
        `The access token has been obtained for wrong audience or resource. It should exactly match with one of the allowed audiences '${audiences.join(',')}'.`,
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
