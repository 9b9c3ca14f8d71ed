import { type Behaviour, type BehaviourScope, CloudError, type Refusals } from '../../behaviour.ts'
import type { Attributes, ResourceStore, StoredResource } from '../../store/resource-store.ts'
import type { World } from '../../world.ts'
import { isWithin, parentId, resourceGroupId, sameId } from './arm-id.ts'
import { requiredText, text } from './attributes.ts'
import { requireRegistered } from './resource-providers.ts'

/** A terraform type, with how Azure Resource Manager shows the same thing. */
export interface AzureType {
  readonly behaviour: Behaviour
  /** Undefined for what is terraform's own construct (associations of two resources). */
  readonly arm?: ArmProjection
}

export interface ArmProjection {
  readonly type: string
  /** The ARM id, where it is not terraform's. */
  id?(resource: StoredResource): string
  /** Everything beside id, name, type, location and tags. */
  project(attributes: Attributes, world: World): ArmBody
  /** For what clients may PUT: the request's body in terraform's shape. */
  fromArm?(id: string, body: Attributes): Attributes
}

interface ArmBody {
  readonly kind?: string
  readonly sku?: object
  readonly identity?: object
  readonly zones?: readonly string[]
  readonly properties: object
}

/** What only the service knows about a type; the rest is the same for everything in Resource Manager. */
export interface Definition {
  readonly type: string
  readonly source: string
  readonly seconds: Behaviour['seconds']
  id(planned: Attributes, subscription: string): string
  readonly name?: NameRule
  validate?: Behaviour['validate']
  /** Ids that must exist before this can: attribute to ARM id. */
  references?(planned: Attributes): Readonly<Record<string, string | undefined>>
  /** Codes beside Resource Manager's own (`ResourceExists`, `ScopeLocked`). */
  readonly refuses?: Partial<Refusals>
  /** Computed attributes over the planned ones; throws CloudError for what the service refuses. */
  create(planned: Attributes, id: string, scope: BehaviourScope): Attributes | Promise<Attributes>
  update?: Behaviour['update']
  /** What keeps it from being deleted; undefined when nothing does. */
  blocker?(attributes: Attributes, store: ResourceStore): CloudError | undefined
  removed?(attributes: Attributes, scope: BehaviourScope): void | Promise<void>
  readonly recomputedOn?: Behaviour['recomputedOn']
  /** Deleting it changes another resource or goes to the service's data plane; Resource Manager's locks stop neither. */
  readonly beyondLocks?: boolean
  /** PUT over what exists changes it; there is no check for it, in the provider neither. */
  readonly upsert?: boolean
  readonly arm?: ArmProjection
}

interface NameRule {
  readonly attribute: string
  readonly pattern: RegExp
  readonly text: string
}

/** Builds the behaviour of one type: existence, references, locks and dependents as Resource Manager handles them. */
export function azureType(definition: Definition): AzureType {
  const { type, source, seconds } = definition
  const lockable = definition.arm !== undefined && definition.beyondLocks !== true && !isLock(type)
  const behaviour: Behaviour = {
    type,
    source,
    seconds,
    refuses: {
      create: [
        ...(definition.upsert === true ? [] : ['ResourceExists']),
        ...(definition.refuses?.create ?? []),
      ],
      delete: [...(lockable ? ['ScopeLocked'] : []), ...(definition.refuses?.delete ?? [])],
    },
    ...(definition.recomputedOn === undefined ? {} : { recomputedOn: definition.recomputedOn }),
    validate: configured => [
      ...nameProblems(definition.name, configured),
      ...(definition.validate?.(configured) ?? []),
    ],
    async create(planned, scope) {
      const id = definition.id(planned, subscriptionOf(scope))
      if (definition.upsert !== true && scope.world.store.get(type, id) !== undefined)
        throw alreadyExists(type, id)
      requireRegistered(scope.world.store, definition.arm?.type ?? '')
      requireParent(id, planned, scope.world.store)
      for (const [attribute, reference] of Object.entries(definition.references?.(planned) ?? {}))
        if (reference !== undefined) requireExisting(reference, attribute, scope.world.store)
      // Some services choose the id themselves (key versions).
      return { ...planned, id, ...(await definition.create(planned, id, scope)) }
    },
    async remove(attributes, scope) {
      const { store } = scope.world
      if (lockable)
        refuseIfLocked(
          definition.arm?.id?.(asStored(type, attributes)) ?? requiredText(attributes, 'id'),
          store,
        )
      const blocker = definition.blocker?.(attributes, store)
      if (blocker !== undefined) throw blocker
      await definition.removed?.(attributes, scope)
      if (definition.arm !== undefined) removeChildren(requiredText(attributes, 'id'), store)
    },
    ...(definition.update === undefined ? {} : { update: definition.update }),
    // Resource Manager compares ids without their case.
    importId: (importId, scope) =>
      scope.world.store.list(type).find(resource => sameId(resource.id, importId))?.id,
  }
  return definition.arm === undefined ? { behaviour } : { behaviour, arm: definition.arm }
}

/** The resource that an ARM id names, whatever its type. Keys have an ARM id beside the one terraform uses. */
function findById(store: ResourceStore, id: string): StoredResource | undefined {
  return store
    .all()
    .find(
      resource =>
        resource.type.startsWith('azurerm_') &&
        (sameId(resource.id, id) || sameId(text(resource.attributes, 'resource_versionless_id') ?? '', id)),
    )
}

export function resourceGroupIdOf(planned: Attributes, subscription: string): string {
  return `/subscriptions/${subscription}/resourceGroups/${requiredText(planned, 'resource_group_name')}`
}

/** The subscription that the provider block names, else the sandbox's own. */
export function subscriptionOf(scope: BehaviourScope): string {
  return text(scope.provider, 'subscription_id') ?? scope.world.secrets.azureSubscriptionId
}

export function requireExisting(id: string, attribute: string, store: ResourceStore): StoredResource {
  const found = findById(store, id)
  if (found === undefined)
    throw new CloudError(
      'InvalidResourceReference',
      `Resource ${id} referenced by ${attribute} was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.`,
    )
  return found
}

function nameProblems(rule: NameRule | undefined, configured: Attributes) {
  const name = rule && text(configured, rule.attribute)
  if (rule === undefined || name === undefined || rule.pattern.test(name)) return []
  return [{ path: rule.attribute, message: `"${rule.attribute}" ${rule.text}, got ${name}` }]
}

function alreadyExists(type: string, id: string): CloudError {
  return new CloudError(
    'ResourceExists',
    `A resource with the ID ${JSON.stringify(id)} already exists - to be managed via Terraform this resource needs to be imported into the State. Please see the resource documentation for ${JSON.stringify(type)} for more information.`,
    409,
  )
}

function requireParent(id: string, planned: Attributes, store: ResourceStore): void {
  const group = resourceGroupId(id)
  if (group !== undefined && !sameId(group, id) && findById(store, group) === undefined)
    throw new CloudError(
      'ResourceGroupNotFound',
      `Resource group '${text(planned, 'resource_group_name') ?? group.split('/').at(-1)}' could not be found.`,
      404,
    )
  // `<id>|<id>` is terraform's own way to name a pair; its two halves are references.
  const parent = id.includes('|') ? undefined : parentId(id)
  if (parent === undefined || group === undefined || sameId(parent, group)) return
  // Fixed levels such as blobServices/default exist with the resource above them.
  const owner = /^(.*)\/(?:blobServices|databases)\/default$/i.exec(parent)?.[1] ?? parent
  if (findById(store, owner) === undefined)
    throw new CloudError('ParentResourceNotFound', `The parent resource '${owner}' could not be found.`, 404)
}

function isLock(type: string): boolean {
  return type === 'azurerm_management_lock'
}

/** A lock protects what it is put on, what is inside, and what contains it. */
export function refuseIfLocked(id: string, store: ResourceStore): void {
  const locks = store.list('azurerm_management_lock').filter(lock => {
    const scope = requiredText(lock.attributes, 'scope')
    return isWithin(id, scope) || isWithin(scope, id)
  })
  if (locks.length > 0)
    throw new CloudError(
      'ScopeLocked',
      `The scope '${id}' cannot perform delete operation because following scope(s) are locked: '${locks
        .map(lock => requiredText(lock.attributes, 'scope'))
        .join(',')}'. Please remove the lock and try again.`,
      409,
    )
}

/** Child resources go with what contains them; groups are refused before it comes to that. */
function removeChildren(id: string, store: ResourceStore): void {
  for (const child of store.all())
    if (child.type.startsWith('azurerm_') && isWithin(child.id, id) && !sameId(child.id, id))
      store.delete(child.type, child.id)
}

function asStored(type: string, attributes: Attributes): StoredResource {
  return { type, id: requiredText(attributes, 'id'), attributes, createdAt: '' }
}
