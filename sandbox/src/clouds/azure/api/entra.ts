import { randomUUID, timingSafeEqual } from 'node:crypto'
import { acrAudience } from '../../../registry/acr.ts'
import type { World } from '../../../world.ts'
import { readForeignToken } from '../../foreign-token.ts'
import { isWithin } from '../arm-id.ts'
import { requiredText, text, texts } from '../attributes.ts'
import {
  aksAudience,
  databaseAudience,
  issueToken,
  logAnalyticsAudience,
  publicKeys,
  redisAudience,
  storageAudience,
} from '../tokens.ts'
import type { ArmRequest, ArmResponse } from './exchange.ts'

const loginHost = 'login.microsoftonline.com'

/** Names that Azure's clients use for the sandbox's one tenant where they do not know it. */
const anyTenant = ['common', 'organizations']

/** Entra's part of the listener; undefined when the path is not one of its. */
export async function entra(request: ArmRequest, world: World): Promise<ArmResponse | undefined> {
  const { path } = request
  // Pods reach it by its own name.
  const base = request.headers.host === loginHost ? `https://${loginHost}` : world.endpoints.azure
  if (path === '/common/discovery/instance') return instanceDiscovery(base, world)
  const [, tenant, rest] = /^\/([^/]+)(\/.*)$/.exec(path) ?? []
  if (tenant === undefined) return undefined
  switch (rest) {
    case '/v2.0/.well-known/openid-configuration':
    case '/.well-known/openid-configuration':
      return known(tenant, world) ? openIdConfiguration(base, world) : unknownTenant(tenant)
    case '/discovery/v2.0/keys':
    case '/discovery/keys':
      return { status: 200, body: publicKeys(world) }
    case '/oauth2/v2.0/token':
    case '/oauth2/token':
      return known(tenant, world) ? token(request, world) : unknownTenant(tenant)
    default:
      return undefined
  }
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow */
async function token(request: ArmRequest, world: World): Promise<ArmResponse> {
  if (request.method !== 'POST')
    return entraError(400, 'invalid_request', 900561, 'The endpoint only accepts POST requests.')
  const form = new URLSearchParams(request.body)
  const { azureClientId, azureClientSecret } = world.secrets
  const clientId = form.get('client_id') ?? ''
  if (form.get('grant_type') !== 'client_credentials')
    return entraError(400, 'unsupported_grant_type', 70003, 'The app requested an unsupported grant type.')
  const assertion = form.get('client_assertion')
  if (assertion !== null) {
    const identity = await federatedIdentity(clientId, assertion, world)
    return 'status' in identity ? identity : issued(form, world, identity)
  }
  if (clientId !== azureClientId)
    return entraError(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory 'mlp sandbox'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    )
  if (!same(form.get('client_secret') ?? '', azureClientSecret))
    return entraError(
      401,
      'invalid_client',
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    )
  return issued(form, world)
}

/** The token, when it is asked for something that there is. */
function issued(
  form: URLSearchParams,
  world: World,
  principal?: Parameters<typeof issueToken>[2],
): ArmResponse {
  const resource =
    form.get('resource') ??
    (form.get('scope') ?? '')
      .split(' ')
      .find(scope => scope.endsWith('/.default'))
      ?.replace(/\/\.default$/, '')
  if (resource === undefined || !audiences(world).includes(trimmed(resource)))
    return entraError(
      400,
      'invalid_scope',
      70011,
      `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${form.get('scope')} is not valid.`,
    )
  const made = issueToken(world, resource, principal)
  return {
    status: 200,
    headers: { 'cache-control': 'no-store' },
    body: {
      token_type: 'Bearer',
      expires_in: made.expiresInSeconds,
      ext_expires_in: made.expiresInSeconds,
      access_token: made.token,
    },
  }
}

const assertionAudience = 'api://AzureADTokenExchange'

/**
 * The managed identity that trusts a pod's token, or that of a workflow's job, by a federated credential; otherwise Entra's refusal.
 * https://learn.microsoft.com/entra/workload-id/workload-identity-federation
 */
async function federatedIdentity(
  clientId: string,
  assertion: string,
  world: World,
): Promise<{ readonly objectId: string; readonly clientId: string } | ArmResponse> {
  const identity = world.store
    .list('azurerm_user_assigned_identity')
    .find(({ attributes }) => text(attributes, 'client_id') === clientId)
  if (identity === undefined)
    return entraError(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory 'mlp sandbox'.`,
    )
  const verdict = await readForeignToken(world, assertion)
  if (!verdict.valid || !verdict.claims.aud.includes(assertionAudience))
    return entraError(
      401,
      'invalid_client',
      700027,
      `The certificate with identifier used to sign the client assertion is not registered on application, or the assertion has expired or is not for '${assertionAudience}'.`,
    )
  const { iss: issuer, sub: subject } = verdict.claims
  const isTrusted = world.store
    .list('azurerm_federated_identity_credential')
    .some(
      ({ id, attributes }) =>
        isWithin(id, identity.id) &&
        text(attributes, 'issuer') === issuer &&
        text(attributes, 'subject') === subject &&
        texts(attributes, 'audience').includes(assertionAudience),
    )
  if (!isTrusted)
    return entraError(
      401,
      'invalid_client',
      700213,
      `No matching federated identity record found for presented assertion subject '${subject}'. Please check your federated identity credential Subject, Audience and Issuer against the presented assertion.`,
    )
  return { objectId: requiredText(identity.attributes, 'principal_id'), clientId }
}

/** What tokens can be had for here: ARM under its names, AKS, storage, Redis, and registries. */
export function armAudiences(world: World): readonly string[] {
  return [
    'https://management.azure.com',
    'https://management.core.windows.net',
    trimmed(world.endpoints.azure),
  ]
}

function audiences(world: World): readonly string[] {
  return [
    ...armAudiences(world),
    aksAudience,
    storageAudience,
    redisAudience,
    databaseAudience,
    acrAudience,
    logAnalyticsAudience,
  ]
}

function openIdConfiguration(base: string, world: World): ArmResponse {
  const tenant = `${trimmed(base)}/${world.secrets.azureTenantId}`
  return {
    status: 200,
    body: {
      issuer: `${tenant}/v2.0`,
      token_endpoint: `${tenant}/oauth2/v2.0/token`,
      authorization_endpoint: `${tenant}/oauth2/v2.0/authorize`,
      device_authorization_endpoint: `${tenant}/oauth2/v2.0/devicecode`,
      jwks_uri: `${tenant}/discovery/v2.0/keys`,
      token_endpoint_auth_methods_supported: ['client_secret_post'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      response_types_supported: ['code', 'id_token', 'token'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid'],
      tenant_region_scope: 'NA',
      cloud_instance_name: new URL(base).host,
    },
  }
}

function instanceDiscovery(base: string, world: World): ArmResponse {
  const { host } = new URL(base)
  return {
    status: 200,
    body: {
      tenant_discovery_endpoint: `${trimmed(base)}/${world.secrets.azureTenantId}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    },
  }
}

function known(tenant: string, world: World): boolean {
  return tenant === world.secrets.azureTenantId || anyTenant.includes(tenant)
}

function unknownTenant(tenant: string): ArmResponse {
  return entraError(
    400,
    'invalid_request',
    90002,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  )
}

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
function entraError(status: number, error: string, code: number, message: string): ArmResponse {
  const [traceId, correlationId] = [randomUUID(), randomUUID()]
  const timestamp = new Date()
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
  return {
    status,
    body: {
      error,
      error_description: `AADSTS${code}: ${message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [code],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      error_uri: `https://login.microsoftonline.com/error?code=${code}`,
    },
  }
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, '')
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
