import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { armType, isWithin, lastSegment, sameId } from '../arm-id.ts'
import { block, requiredText, text, textMap } from '../attributes.ts'
import type { ArmProjection, AzureType } from '../azure-type.ts'
import { scaleSetId } from '../resources/node-groups.ts'
import { azureTypes } from '../types.ts'

/** One resource as ARM shows it. */
export interface ArmResource {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly location?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly properties: object
}

interface Shown {
  readonly type: AzureType
  readonly arm: ArmProjection
}

const shown: readonly Shown[] = azureTypes.flatMap(type => (type.arm ? [{ type, arm: type.arm }] : []))

/** The type behind an ARM id, when the simulated Azure has it. */
export function typeOf(id: string): Shown | undefined {
  const wanted = armType(id)?.toLowerCase()
  return shown.find(({ arm }) => arm.type.toLowerCase() === wanted)
}

export function findResource(
  world: World,
  id: string,
): { readonly stored: StoredResource; readonly shown: Shown } | undefined {
  const found = typeOf(id)
  const stored =
    found && world.store.list(found.type.behaviour.type).find(one => sameId(armId(found.arm, one), id))
  return found && stored && { stored, shown: found }
}

/** All resources of an ARM type within a scope (a subscription, a group, a parent). */
export function listResources(world: World, type: string, scope: string): readonly ArmResource[] {
  const found = shown.find(({ arm }) => arm.type.toLowerCase() === type.toLowerCase())
  if (found === undefined) return []
  return world.store
    .list(found.type.behaviour.type)
    .filter(one => isWithin(armId(found.arm, one), scope))
    .map(one => show(world, found.arm, one))
}

/** What `az resource list` shows: tracked top-level resources, the machines that AKS keeps included. */
export function trackedResources(world: World, scope: string): readonly ArmResource[] {
  const stored = shown
    .filter(
      ({ arm }) => arm.type.split('/').length === 2 && arm.type !== 'Microsoft.Resources/resourceGroups',
    )
    .flatMap(({ arm }) => listResources(world, arm.type, scope))
    .filter(resource => resource.location !== undefined)
  return [...stored, ...scaleSets(world).filter(resource => isWithin(resource.id, scope))]
}

export function show(world: World, arm: ArmProjection, stored: StoredResource): ArmResource {
  const { attributes } = stored
  const id = armId(arm, stored)
  const location = text(attributes, 'location')
  return {
    id,
    name: lastSegment(id),
    type: arm.type,
    ...(location === undefined ? {} : { location, tags: textMap(attributes, 'tags') }),
    ...arm.project(attributes, world),
  }
}

function armId(arm: ArmProjection, stored: StoredResource): string {
  return arm.id?.(stored) ?? stored.id
}

function scaleSets(world: World): readonly ArmResource[] {
  return world.store.list('azurerm_kubernetes_cluster').flatMap(cluster => {
    const pools = [
      text(block(cluster.attributes, 'default_node_pool') ?? {}, 'name') ?? '',
      ...world.store
        .list('azurerm_kubernetes_cluster_node_pool')
        .filter(pool => sameId(requiredText(pool.attributes, 'kubernetes_cluster_id'), cluster.id))
        .map(pool => requiredText(pool.attributes, 'name')),
    ]
    return pools.map(pool => scaleSet(cluster.attributes, pool))
  })
}

function scaleSet(cluster: Attributes, pool: string): ArmResource {
  const id = scaleSetId(cluster, pool)
  return {
    id,
    name: lastSegment(id),
    type: 'Microsoft.Compute/virtualMachineScaleSets',
    location: requiredText(cluster, 'location'),
    tags: { ...textMap(cluster, 'tags'), 'aks-managed-poolName': pool },
    properties: { provisioningState: 'Succeeded', orchestrationMode: 'Uniform' },
  }
}
