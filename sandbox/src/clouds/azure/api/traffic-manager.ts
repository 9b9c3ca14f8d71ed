import { CloudError } from '../../../behaviour.ts'
import { dnsStore, healthIdOf, type TrafficProfile } from '../../../dns/dns-store.ts'
import type { World } from '../../../world.ts'
import { isWithin } from '../arm-id.ts'
import { isAttributes, text, textMap } from '../attributes.ts'
import { type ArmRequest, type ArmResponse, armError, jsonBody } from './exchange.ts'
import { findResource } from './resources.ts'

/*
 * Traffic Manager: profiles with weighted external endpoints. https://learn.microsoft.com/rest/api/trafficmanager/
 */

const pattern =
  /^(\/subscriptions\/[^/]+\/resourceGroups\/[^/]+)\/providers\/Microsoft\.Network\/trafficManagerProfiles\/([^/]+)$/i

/** Undefined for what is no profile. */
export function trafficManager(request: ArmRequest, world: World): ArmResponse | undefined {
  const [, group = '', name = ''] = pattern.exec(request.path) ?? []
  if (name === '') return undefined
  const store = dnsStore(world.store)
  const id = request.path.toLowerCase()
  const found = store.profiles().find(profile => profile.id === id)
  switch (request.method) {
    case 'GET':
      return found === undefined
        ? armError(404, 'ResourceNotFound', `The Resource '${request.path}' was not found.`)
        : { status: 200, body: shownProfile(world, found) }
    case 'DELETE':
      if (found !== undefined) store.deleteProfile(found)
      return { status: found === undefined ? 204 : 200 }
    case 'PUT': {
      if (findResource(world, group) === undefined)
        return armError(
          404,
          'ResourceGroupNotFound',
          `Resource group '${group.split('/').at(-1)}' could not be found.`,
        )
      const made = profileOf(id, request)
      if (store.profiles().some(profile => profile.id !== id && profile.name === made.name))
        return armError(
          409,
          'BadRequest',
          `Domain name ${made.name} already exists. Please choose a different DNS prefix.`,
        )
      store.putProfile(made)
      return { status: found === undefined ? 201 : 200, body: shownProfile(world, made) }
    }
    default:
      return armError(405, 'MethodNotAllowed', `The HTTP method ${request.method} is not supported here.`)
  }
}

/** As Resource Manager lists them among all tracked resources. */
export function profilesWithin(world: World, scope: string) {
  return dnsStore(world.store)
    .profiles()
    .filter(({ id }) => isWithin(id, scope.toLowerCase()))
    .map(profile => shownProfile(world, profile))
}

function profileOf(id: string, request: ArmRequest): TrafficProfile {
  const body = jsonBody(request)
  const properties = part(body, 'properties')
  const monitor = part(properties, 'monitorConfig')
  const dns = part(properties, 'dnsConfig')
  const relativeName = text(dns, 'relativeName') ?? ''
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(relativeName)) throw bad('The DNS prefix is not valid.')
  if (text(properties, 'trafficRoutingMethod') !== 'Weighted')
    throw bad('the sandbox has profiles of the routing method Weighted only')
  if (text(monitor, 'protocol') !== 'HTTPS') throw bad('the sandbox monitors over HTTPS only')
  const interval = Number(monitor['intervalInSeconds'] ?? 30)
  const timeout = Number(monitor['timeoutInSeconds'] ?? 10)
  if ((interval !== 10 && interval !== 30) || timeout < 5 || timeout > (interval === 10 ? 9 : 10))
    throw bad('The monitoring interval or timeout is not one of those allowed.')
  const endpoints = Array.isArray(properties['endpoints']) ? properties['endpoints'].filter(isAttributes) : []
  return {
    id,
    name: `${relativeName.toLowerCase()}.trafficmanager.net`,
    ttl: Number(dns['ttl'] ?? 60),
    port: Number(monitor['port'] ?? 443),
    path: text(monitor, 'path') ?? '/',
    intervalSeconds: interval,
    failures: Number(monitor['toleratedNumberOfFailures'] ?? 3),
    endpoints: endpoints.map(endpoint => {
      const own = part(endpoint, 'properties')
      if (!/\/externalEndpoints$/i.test(text(endpoint, 'type') ?? ''))
        throw bad('the sandbox has external endpoints only')
      const target = text(own, 'target') ?? ''
      if (target === '') throw bad('An external endpoint needs a target.')
      return {
        name: text(endpoint, 'name') ?? '',
        target: target.toLowerCase(),
        weight: Number(own['weight'] ?? 1),
      }
    }),
    shown: { id: request.path, relativeName, timeout, tags: textMap(body, 'tags') },
  }
}

function shownProfile(world: World, profile: TrafficProfile) {
  const { shown, endpoints } = profile
  const store = dnsStore(world.store)
  const id = String(shown['id'])
  const states = endpoints.map(({ target }) => store.health(healthIdOf(profile.id, target)))
  return {
    id,
    name: id.slice(id.lastIndexOf('/') + 1),
    type: 'Microsoft.Network/trafficManagerProfiles',
    location: 'global',
    tags: textMap(shown, 'tags'),
    properties: {
      profileStatus: 'Enabled',
      trafficRoutingMethod: 'Weighted',
      trafficViewEnrollmentStatus: 'Disabled',
      dnsConfig: { relativeName: shown['relativeName'], fqdn: profile.name, ttl: profile.ttl },
      monitorConfig: {
        profileMonitorStatus: states.some(state => state?.healthy === true)
          ? 'Online'
          : states.every(state => state === undefined)
            ? 'CheckingEndpoints'
            : 'Degraded',
        ...{ protocol: 'HTTPS', port: profile.port, path: profile.path },
        ...{ intervalInSeconds: profile.intervalSeconds, timeoutInSeconds: shown['timeout'] },
        toleratedNumberOfFailures: profile.failures,
      },
      endpoints: endpoints.map(({ name, target, weight }, index) => {
        const state = states[index]
        return {
          id: `${id}/externalEndpoints/${name}`,
          name,
          type: 'Microsoft.Network/trafficManagerProfiles/externalEndpoints',
          properties: {
            ...{ target, weight, endpointStatus: 'Enabled', priority: index + 1 },
            endpointMonitorStatus:
              state === undefined ? 'CheckingEndpoint' : state.healthy ? 'Online' : 'Degraded',
          },
        }
      }),
    },
  }
}

function part(
  body: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> & { [key: string]: unknown } {
  const value = body[name]
  return isAttributes(value) ? value : {}
}

function bad(message: string): CloudError {
  return new CloudError('BadRequest', message, 400)
}
