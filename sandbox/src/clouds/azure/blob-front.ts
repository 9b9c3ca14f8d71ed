import type { IncomingMessage, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { World } from '../../world.ts'
import { isWithin } from './arm-id.ts'
import { requiredText, text } from './attributes.ts'
import { servicePrincipalObjectId } from './principal.ts'
import { checkToken, storageAudience } from './tokens.ts'

const writers = ['Storage Blob Data Contributor', 'Storage Blob Data Owner']
const readers = [...writers, 'Storage Blob Data Reader']

/**
 * Blob Storage as pods reach it: a token is checked for real, and whether its identity has a role on the container or
 * on what holds it, before azurite, which looks at neither, gets the request. Shared keys are azurite's to check.
 * https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory
 */
export async function answerBlob(
  request: IncomingMessage,
  response: ServerResponse,
  account: string,
  world: World,
): Promise<void> {
  const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  const refusal = token === undefined ? undefined : refuse(request, token, account, world)
  if (refusal !== undefined) return sendError(response, refusal)
  const { hostname, port } = new URL(world.endpoints.blob)
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        host: hostname,
        port,
        servername: `${account}.blob.core.windows.net`,
        ca: world.caPem,
        method: request.method,
        path: request.url,
        headers: request.headers,
      },
      resolve,
    )
    outgoing.on('error', reject)
    pipeline(request, outgoing).catch(reject)
  })
  response.writeHead(answer.statusCode ?? 502, answer.headers)
  await pipeline(answer, response)
}

interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
}

function refuse(request: IncomingMessage, token: string, account: string, world: World): Refusal | undefined {
  const verdict = checkToken(world, token, [storageAudience, `https://${account}.blob.core.windows.net`])
  if (!verdict.valid)
    return {
      status: 401,
      code: verdict.reason === 'audience' ? 'InvalidAuthenticationInfo' : 'AuthenticationFailed',
      message:
        'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
    }
  const { oid } = verdict.claims
  if (oid === servicePrincipalObjectId(world)) return undefined
  const owner = world.store
    .list('azurerm_storage_account')
    .find(({ attributes }) => text(attributes, 'name') === account)
  const container = decodeURIComponent(
    new URL(request.url ?? '/', 'https://blob').pathname.split('/')[1] ?? '',
  )
  const scope = container === '' ? owner?.id : `${owner?.id}/blobServices/default/containers/${container}`
  const roles = ['GET', 'HEAD'].includes(request.method ?? '') ? readers : writers
  const may = world.store
    .list('azurerm_role_assignment')
    .some(
      ({ attributes }) =>
        text(attributes, 'principal_id') === oid &&
        roles.includes(text(attributes, 'role_definition_name') ?? '') &&
        isWithin(scope ?? '', requiredText(attributes, 'scope')),
    )
  if (may) return undefined
  return {
    status: 403,
    code: 'AuthorizationPermissionMismatch',
    message: 'This request is not authorized to perform this operation using this permission.',
  }
}

function sendError(response: ServerResponse, { status, code, message }: Refusal): void {
  response
    .writeHead(status, {
      'content-type': 'application/xml',
      'x-ms-error-code': code,
      ...(status === 401
        ? {
            'www-authenticate':
              'Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com',
          }
        : {}),
    })
    .end(
      `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
    )
}
