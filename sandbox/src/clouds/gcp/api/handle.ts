import type { IncomingMessage, ServerResponse } from 'node:http'
import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { bucketType } from '../behaviours/storage.ts'
import { objectStore } from '../object-store.ts'
import { requireGoogleRight } from '../rights.ts'
import { type Claims, readToken } from '../tokens.ts'
import { loggingRoutes } from './audit-log.ts'
import { billingAccountRoutes, budgetRoutes } from './budgets-api.ts'
import { computeRoutes } from './compute-api.ts'
import { containerRoutes } from './container-api.ts'
import { credentialRoutes, isImpersonation } from './credentials-api.ts'
import { dnsRoutes } from './dns-api.ts'
import { answerOauth } from './oauth-api.ts'
import {
  iamRoutes,
  kmsRoutes,
  networkConnectivityRoutes,
  redisRoutes,
  serviceNetworkingRoutes,
} from './platform-apis.ts'
import { pricingRoutes } from './pricing-api.ts'
import { billingRoutes, resourceManagerRoutes, serviceUsageRoutes } from './project-apis.ts'
import { registryRoutes } from './registry-api.ts'
import { errorBody, matchRoute, parseBody, type Route, readBody } from './routing.ts'
import { sqlRoutes } from './sql-api.ts'
import { bucketRoutes } from './storage-api.ts'
import { answerTokenExchange } from './token-exchange.ts'

/**
 * Every service has a host of its own at Google (`redis.googleapis.com`); here it has a path of its own, because some
 * paths are the same in several services. The container API has no prefix: its client and gcloud take none.
 */
export const serviceNames = [
  'artifactregistry',
  'billingbudgets',
  'cloudbilling',
  'cloudkms',
  'cloudresourcemanager',
  'compute',
  'dns',
  'iam',
  'iamcredentials',
  'logging',
  'networkconnectivity',
  'redis',
  'servicenetworking',
  'serviceusage',
  'sqladmin',
] as const
type ServiceName = (typeof serviceNames)[number]

const services: Readonly<Record<ServiceName, readonly Route[]>> = {
  artifactregistry: registryRoutes,
  billingbudgets: budgetRoutes,
  cloudbilling: [...billingRoutes, ...billingAccountRoutes, ...pricingRoutes],
  cloudkms: kmsRoutes,
  cloudresourcemanager: resourceManagerRoutes,
  compute: computeRoutes,
  dns: dnsRoutes,
  iam: iamRoutes,
  iamcredentials: credentialRoutes,
  logging: loggingRoutes,
  networkconnectivity: networkConnectivityRoutes,
  redis: redisRoutes,
  servicenetworking: serviceNetworkingRoutes,
  serviceusage: serviceUsageRoutes,
  sqladmin: sqlRoutes,
}

/** Google Cloud's whole API on one listener. */
export async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'https://localhost')
    if (await answerOauth(url.pathname, request, response, world)) return
    if (await answerTokenExchange(url.pathname, request, response, world)) return
    const claims = authenticate(request, world)
    if (!isImpersonation(url.pathname))
      requireGoogleRight(world, claims, request.method ?? 'GET', url.pathname)
    const found = findRoute(request.method ?? 'GET', url.pathname)
    if (found === undefined) {
      if (!isObjectPath(url.pathname, world))
        throw new CloudError('notFound', `No such method: ${request.method} ${url.pathname}`, 404)
      await objectStore(world).forward(request, response)
      return
    }
    const body = parseBody(await readBody(request))
    const { route, params } = found
    const answer = await route.run({
      principals: claims.principals ?? [],
      world,
      method: route.method,
      params,
      query: url.searchParams,
      body,
      email: claims.email,
    })
    if (answer === undefined) response.writeHead(204).end()
    else respond(response, 200, answer)
  } catch (error) {
    if (response.headersSent) {
      response.destroy()
      return
    }
    const known = error instanceof CloudError
    if (!known)
      world.log(
        `gcp: ${request.method} ${request.url?.split('?')[0]}: ${error instanceof Error ? error.stack : String(error)}`,
      )
    const shown = known ? error : new CloudError('internalError', 'Internal error encountered.', 500)
    respond(response, shown.httpStatus, errorBody(shown))
  }
}

function findRoute(method: string, path: string): ReturnType<typeof matchRoute> {
  const [, prefix = ''] = path.split('/')
  const service = serviceNames.find(name => name === prefix)
  // Compute's own paths begin with /compute too: /compute/compute/v1/projects/…
  if (service !== undefined) return matchRoute(services[service], method, path.slice(prefix.length + 1))
  return matchRoute([...containerRoutes, ...bucketRoutes], method, path)
}

/** Objects: the JSON API's own paths, and `/<bucket>/<object>`, which Google's Go client reads from. */
function isObjectPath(path: string, world: World): boolean {
  if (
    /^\/(upload\/|download\/)?storage\/v1\/(b\/[^/]+\/o|batch)/.test(path) ||
    path.startsWith('/resumable/')
  )
    return true
  if (path.startsWith('/batch/storage/v1')) return true
  const [, bucket = ''] = path.split('/')
  return world.store.get(bucketType, decodeURIComponent(bucket)) !== undefined
}

function authenticate(request: IncomingMessage, world: World): Claims {
  const [scheme, token = ''] = (request.headers.authorization ?? '').split(' ')
  const claims = scheme?.toLowerCase() === 'bearer' ? readToken(world, token) : undefined
  if (claims !== undefined) return claims
  const missing = request.headers.authorization === undefined
  throw new CloudError(
    missing ? 'required' : 'authError',
    missing
      ? 'Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.'
      : 'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
    401,
  )
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}
