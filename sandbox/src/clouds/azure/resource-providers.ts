import { CloudError } from '../../behaviour.ts'
import type { ResourceStore } from '../../store/resource-store.ts'
import type { World } from '../../world.ts'

const registrations = 'azure/resource-providers'
/** Registered in every subscription from its first day. */
const always = ['microsoft.resources', 'microsoft.authorization']
/** Azure's registration takes some minutes. */
const registrationSeconds = 60

/** https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types */
function registrationState(
  store: ResourceStore,
  namespace: string,
): 'Registered' | 'Registering' | 'NotRegistered' {
  const name = namespace.toLowerCase()
  if (always.includes(name)) return 'Registered'
  const ready = store.getFact(registrations, name)
  if (typeof ready !== 'number') return 'NotRegistered'
  return ready <= Date.now() ? 'Registered' : 'Registering'
}

export function register(world: World, namespace: string): void {
  if (registrationState(world.store, namespace) !== 'NotRegistered') return
  const ready = Date.now() + registrationSeconds * 1000 * world.timeScale
  world.store.putFact(registrations, namespace.toLowerCase(), ready)
}

export function showProvider(world: World, subscription: string, namespace: string): object {
  return {
    id: `/subscriptions/${subscription}/providers/${namespace}`,
    namespace,
    registrationState: registrationState(world.store, namespace),
    registrationPolicy: 'RegistrationRequired',
    resourceTypes: [],
  }
}

/** Nothing of an ARM type can be made before its namespace's provider is registered. */
export function requireRegistered(store: ResourceStore, type: string): void {
  const [namespace] = type.split('/')
  if (namespace === undefined || namespace === '' || registrationState(store, namespace) === 'Registered')
    return
  throw new CloudError(
    'MissingSubscriptionRegistration',
    `The subscription is not registered to use namespace '${namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions.`,
    409,
  )
}
