import { createHash } from 'node:crypto'
import type { World } from '../../world.ts'

/** Object id of the sandbox's one service principal in its tenant: another id than its client id, as in Entra. */
export function servicePrincipalObjectId(world: World): string {
  const hex = createHash('sha256').update(`service-principal/${world.secrets.azureClientId}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The subscriptions that the principal sees: its own, and any that things were made in. Those in use come first. */
export function subscriptionIds(world: World): readonly string[] {
  const used = world.store
    .list('azurerm_resource_group')
    .map(group => /^\/subscriptions\/([^/]+)/i.exec(group.id)?.[1])
    .filter(id => id !== undefined)
  return [...new Set([...used, world.secrets.azureSubscriptionId])]
}
