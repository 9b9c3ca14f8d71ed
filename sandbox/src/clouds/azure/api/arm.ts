import { randomUUID } from 'node:crypto'
import { type BehaviourScope, CloudError } from '../../../behaviour.ts'
import { dnsStore } from '../../../dns/dns-store.ts'
import type { World } from '../../../world.ts'
import { isWithin, lastSegment, sameId } from '../arm-id.ts'
import { text } from '../attributes.ts'
import { refuseIfLocked } from '../azure-type.ts'
import { subscriptionIds } from '../principal.ts'
import { register, showProvider } from '../resource-providers.ts'
import { runAction } from './actions.ts'
import { blobService, isBlobService } from './blob-services.ts'
import { dnsZones, removeZone, shownZone } from './dns-zones.ts'
import { type ArmRequest, type ArmResponse, armError, jsonBody } from './exchange.ts'
import { findResource, listResources, show, trackedResources, typeOf } from './resources.ts'
import { profilesWithin, trafficManager } from './traffic-manager.ts'
import { usages } from './usages.ts'

const operations = 'azure/operations'

/** Azure Resource Manager: subscriptions, resource providers, and everything by its id. The caller is authenticated. */
export async function arm(request: ArmRequest, world: World): Promise<ArmResponse> {
  const { method, path } = request
  if (path === '/tenants') return ok({ value: [tenant(world)] })
  if (path === '/subscriptions')
    return ok({ value: subscriptionIds(world).map(id => subscription(world, id)) })
  const id = /^\/subscriptions\/([^/]+)/i.exec(path)?.[1]
  if (id === undefined) return notFound(path)
  if (!subscriptionIds(world).some(known => sameId(known, id)))
    return armError(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`)
  const rest = path.slice(`/subscriptions/${id}`.length)
  const scope = `/subscriptions/${id}`
  if (rest === '') return ok(subscription(world, id))

  const listed = usages(rest, request.query, world)
  if (listed !== undefined) return ok({ value: listed })
  const provider = /^\/providers\/([^/]+)(\/register)?$/i.exec(rest)
  if (provider?.[1] !== undefined) {
    if (provider[2] !== undefined && method === 'POST') register(world, provider[1])
    return ok(showProvider(world, id, provider[1]))
  }
  const operation = /^\/providers\/[^/]+\/locations\/[^/]+\/operation(?:results|statuses)\/([^/]+)$/i.exec(
    rest,
  )?.[1]
  if (operation !== undefined) return operationStatus(world, operation)
  if (/^\/resourcegroups$/i.test(rest))
    return ok({ value: filtered(listResources(world, 'Microsoft.Resources/resourceGroups', scope), request) })
  const resources = /^(\/resourceGroups\/[^/]+)?\/resources$/i.exec(rest)
  if (resources !== null)
    return ok({ value: filtered(allTracked(world, `${scope}${resources[1] ?? ''}`), request) })
  if (isBlobService(path)) return blobService(request, world)
  const named = dnsZones(request, world) ?? trafficManager(request, world)
  if (named !== undefined) return named
  return byId(request, world)
}

function allTracked(world: World, scope: string) {
  const zones = dnsStore(world.store)
    .zones('azure')
    .filter(({ id }) => isWithin(id, scope.toLowerCase()))
  return [
    ...trackedResources(world, scope),
    ...profilesWithin(world, scope),
    ...zones.map(zone => shownZone(world, zone)),
  ]
}

async function byId(request: ArmRequest, world: World): Promise<ArmResponse> {
  const { method, path } = request
  const segments = path.slice(path.toLowerCase().lastIndexOf('/providers/') + '/providers/'.length).split('/')
  const isCollection = /\/providers\//i.test(path) && segments.length % 2 === 0
  if (method === 'POST')
    return runAction(world, path.slice(0, path.lastIndexOf('/')), lastSegment(path)) ?? notFound(path)
  if (isCollection) return method === 'GET' ? ok({ value: collection(world, path) }) : notFound(path)
  const found = findResource(world, path)
  switch (method) {
    case 'HEAD':
      return { status: found === undefined ? 404 : 204 }
    case 'GET':
      return found === undefined ? notFound(path) : ok(show(world, found.shown.arm, found.stored))
    case 'PUT':
    case 'PATCH':
      return put(request, world)
    case 'DELETE':
      return found === undefined ? { status: 204 } : remove(world, path)
    default:
      return armError(405, 'MethodNotAllowed', `The HTTP method ${method} is not supported here.`)
  }
}

function collection(world: World, path: string): readonly object[] {
  const at = path.toLowerCase().lastIndexOf('/providers/')
  const [namespace, ...rest] = path.slice(at + '/providers/'.length).split('/')
  const type = [namespace, ...rest.filter((_, index) => index % 2 === 0)].join('/')
  const isChild = rest.length > 1
  const scope = isChild ? path.slice(0, path.lastIndexOf('/')) : path.slice(0, at)
  return listResources(world, type, scope || '/')
}

async function put(request: ArmRequest, world: World): Promise<ArmResponse> {
  const { path } = request
  const type = typeOf(path)
  if (type?.arm.fromArm === undefined)
    return armError(
      405,
      'SandboxOperationNotSupported',
      `The simulated Azure creates ${path} through terraform only.`,
    )
  const { behaviour } = type.type
  const planned = type.arm.fromArm(path, jsonBody(request))
  const problem = behaviour.validate?.(planned)[0]
  if (problem !== undefined) return armError(400, 'InvalidParameter', problem.message)
  const existing = findResource(world, path)
  const attributes =
    existing === undefined
      ? await behaviour.create(planned, scopeFor(world, path))
      : { ...existing.stored.attributes, ...planned }
  const stored = world.store.put(
    behaviour.type,
    existing?.stored.id ?? text(attributes, 'id') ?? path,
    attributes,
  )
  return { status: existing === undefined ? 201 : 200, body: show(world, type.arm, stored) }
}

async function remove(world: World, path: string): Promise<ArmResponse> {
  await removeOne(world, path)
  const operation = randomUUID()
  world.store.putFact(operations, operation, 'Succeeded')
  const subscriptionPath = /^\/subscriptions\/[^/]+/i.exec(path)?.[0] ?? ''
  const namespace = /\/providers\/([^/]+)/i.exec(path)?.[1] ?? 'Microsoft.Resources'
  const location = `${world.endpoints.azure}${subscriptionPath}/providers/${namespace}/locations/global/operationresults/${operation}?api-version=2024-01-01`
  return {
    status: 202,
    headers: {
      location,
      'azure-asyncoperation': location.replace('operationresults', 'operationstatuses'),
      'retry-after': '0',
    },
  }
}

/** A resource group goes with all that is in it, as ARM does; whatever refuses keeps the group. */
async function removeOne(world: World, path: string): Promise<void> {
  const scope = scopeFor(world, path)
  if (/\/resourceGroups\/[^/]+$/i.test(path)) {
    refuseIfLocked(path, world.store)
    for (let before = -1; ; ) {
      const inside = world.store.all().filter(one => isWithin(one.id, path) && !sameId(one.id, path))
      if (inside.length === 0 || inside.length === before) break
      before = inside.length
      for (const resource of inside) await removeIfPossible(world, resource.type, resource.id, scope)
    }
  }
  if (/\/resourceGroups\/[^/]+$/i.test(path)) removeNames(world, path)
  const found = findResource(world, path)
  if (found === undefined) return
  await found.shown.type.behaviour.remove?.(found.stored.attributes, scope)
  world.store.delete(found.stored.type, found.stored.id)
}

/** Zones and profiles of a group that goes. */
function removeNames(world: World, group: string): void {
  const store = dnsStore(world.store)
  for (const profile of store.profiles())
    if (isWithin(profile.id, group.toLowerCase())) store.deleteProfile(profile)
  for (const zone of store.zones('azure')) if (isWithin(zone.id, group.toLowerCase())) removeZone(world, zone)
}

async function removeIfPossible(
  world: World,
  type: string,
  id: string,
  scope: BehaviourScope,
): Promise<void> {
  const stored = world.store.get(type, id)
  const shownType = stored && typeOf(id)
  if (stored === undefined) return
  try {
    await shownType?.type.behaviour.remove?.(stored.attributes, scope)
    world.store.delete(type, id)
  } catch (error) {
    // Something inside still depends on it; the next round may get further.
    if (!(error instanceof CloudError) || error.code === 'ScopeLocked') throw error
  }
}

function operationStatus(world: World, operation: string): ArmResponse {
  const status = world.store.getFact(operations, operation)
  if (typeof status !== 'string')
    return armError(404, 'OperationNotFound', `The operation ${operation} was not found.`)
  return ok({ id: operation, name: operation, status })
}

/** `tagName eq 'a' and tagValue eq 'b'`, `resourceType eq 'X'`: as much of $filter as Azure's own clients send. */
function filtered<T extends { readonly type: string; readonly tags?: Readonly<Record<string, string>> }>(
  resources: readonly T[],
  request: ArmRequest,
): readonly T[] {
  const filter = request.query.get('$filter')
  if (filter === null) return resources
  const value = (name: string) => new RegExp(`${name}\\s+eq\\s+'([^']*)'`, 'i').exec(filter)?.[1]
  const [tagName, tagValue, type] = [value('tagName'), value('tagValue'), value('resourceType')]
  if (tagName === undefined && type === undefined)
    throw new CloudError(
      'InvalidFilterInQueryString',
      `Invalid $filter '${filter}' specified in the query string.`,
    )
  return resources.filter(
    resource =>
      (type === undefined || resource.type.toLowerCase() === type.toLowerCase()) &&
      (tagName === undefined ||
        (tagValue === undefined
          ? resource.tags?.[tagName] !== undefined
          : resource.tags?.[tagName] === tagValue)),
  )
}

function scopeFor(world: World, id: string): BehaviourScope {
  const subscriptionId = /^\/subscriptions\/([^/]+)/i.exec(id)?.[1]
  return {
    world,
    provider: subscriptionId === undefined ? {} : { subscription_id: subscriptionId },
    report: message => world.log(message),
  }
}

function subscription(world: World, id: string): object {
  return {
    id: `/subscriptions/${id}`,
    subscriptionId: id,
    tenantId: world.secrets.azureTenantId,
    displayName: 'mlp sandbox (simulated)',
    state: 'Enabled',
    authorizationSource: 'RoleBased',
    managedByTenants: [],
    subscriptionPolicies: {
      locationPlacementId: 'Public_2014-09-01',
      quotaId: 'PayAsYouGo_2014-09-01',
      spendingLimit: 'Off',
    },
  }
}

function tenant(world: World): object {
  return {
    id: `/tenants/${world.secrets.azureTenantId}`,
    tenantId: world.secrets.azureTenantId,
    tenantCategory: 'Home',
    displayName: 'mlp sandbox (simulated)',
    defaultDomain: 'mlp-sandbox.onmicrosoft.com',
  }
}

function ok(body: object): ArmResponse {
  return { status: 200, body }
}

function notFound(path: string): ArmResponse {
  const group = /\/resourceGroups\/([^/]+)$/i.exec(path)?.[1]
  if (group !== undefined)
    return armError(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`)
  const [, groupName, type] = /\/resourceGroups\/([^/]+)\/providers\/(.+)$/i.exec(path) ?? []
  return armError(
    404,
    'ResourceNotFound',
    `The Resource '${type ?? path}' under resource group '${groupName ?? '<null>'}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  )
}
