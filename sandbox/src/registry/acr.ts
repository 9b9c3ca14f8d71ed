import { lastSegment } from '../clouds/azure/arm-id.ts'
import { checkToken } from '../clouds/azure/tokens.ts'
import type { World } from '../world.ts'
import {
  type Answer,
  basicCredentials,
  bearerToken,
  type CloudRegistry,
  registryError,
  type TokenRequest,
} from './cloud-registry.ts'
import { checkRegistryToken, issueRegistryToken } from './signed-token.ts'

/** Audiences of the Entra tokens that ACR exchanges. */
export const acrAudience = 'https://containerregistry.azure.net'
const audiences = [acrAudience, 'https://management.azure.com', 'https://management.core.windows.net']
const refreshSeconds = 3 * 60 * 60
const accessSeconds = 75 * 60
/** The user name that stands for "the password is a token". */
const tokenUser = '00000000-0000-0000-0000-000000000000'

/**
 * `<name>.azurecr.io`: an Entra token is exchanged for a refresh token, that for an access token; repositories come
 * with the first push. https://learn.microsoft.com/azure/container-registry/container-registry-authentication
 */
export const acrRegistry: CloudRegistry = {
  find(host, world) {
    const name = /^([a-z0-9]{5,50})\.azurecr\.io$/.exec(host)?.[1]
    const exists = world.store
      .list('azurerm_container_registry')
      .some(({ id }) => lastSegment(id).toLowerCase() === name)
    if (name === undefined || !exists) return undefined
    return {
      host,
      prefix: acrPrefix(name),
      token: request => answerToken(request, host, world),
      refuse(authorization, scope) {
        const token = bearerToken(authorization) ?? ''
        if (token !== '' && checkRegistryToken(world, token, `acr-access:${host}`) === 'valid')
          return undefined
        const basic = basicCredentials(authorization)
        if (basic?.user === tokenUser && isRefreshToken(world, host, basic.password)) return undefined
        const challenge = `Bearer realm="https://${host}/oauth2/token",service="${host}"${scope === undefined ? '' : `,scope="${scope}"`}`
        return registryError(
          401,
          'UNAUTHORIZED',
          'authentication required, visit https://aka.ms/acr/authorization for more information.',
          { 'www-authenticate': challenge },
        )
      },
      missing: () => undefined,
      immutable: () => undefined,
    }
  },
}

/** By the registry's name, whatever its case. */
export function acrPrefix(name: string): string {
  return `azure/${name.toLowerCase()}`
}

/** https://azure.github.io/acr/AAD-OAuth */
function answerToken(request: TokenRequest, host: string, world: World): Answer | undefined {
  const { path, form, query } = request
  if (path === '/oauth2/exchange' && request.method === 'POST') {
    const verdict = checkToken(world, form.get('access_token') ?? '', audiences)
    return verdict.valid && form.get('service') === host
      ? {
          status: 200,
          body: { refresh_token: issueRegistryToken(world, `acr-refresh:${host}`, refreshSeconds) },
        }
      : unauthorized()
  }
  if (path !== '/oauth2/token') return undefined
  const refreshToken =
    request.method === 'POST' ? form.get('refresh_token') : passwordOf(request.authorization)
  const service = form.get('service') ?? query.get('service')
  return service === host && isRefreshToken(world, host, refreshToken ?? '')
    ? {
        status: 200,
        body: { access_token: issueRegistryToken(world, `acr-access:${host}`, accessSeconds) },
      }
    : unauthorized()
}

function passwordOf(authorization: string | undefined): string | undefined {
  const basic = basicCredentials(authorization)
  return basic?.user === tokenUser ? basic.password : undefined
}

function isRefreshToken(world: World, host: string, token: string): boolean {
  return token !== '' && checkRegistryToken(world, token, `acr-refresh:${host}`) === 'valid'
}

function unauthorized(): Answer {
  return registryError(
    401,
    'UNAUTHORIZED',
    'authentication required, visit https://aka.ms/acr/authorization for more information.',
  )
}
