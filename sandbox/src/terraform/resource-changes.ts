import { setTimeout as delay } from 'node:timers/promises'
import type { Behaviour, BehaviourScope } from '../behaviour.ts'
import { CloudError } from '../behaviour.ts'
import type { FaultKind, Faults } from '../faults.ts'
import type { Attributes } from '../store/resource-store.ts'
import { join } from './plan.ts'
import type { BlockSchema, ResourceSchema } from './schema.ts'
import {
  conformBlock,
  dropForeign,
  isList,
  isObject,
  type Value,
  type ValueObject,
  withoutUnknown,
} from './value.ts'

export interface ResourceType {
  readonly behaviour: Behaviour
  readonly schema: ResourceSchema
}

export interface ChangeContext {
  readonly scope: BehaviourScope
  readonly faults: Faults
  /** Ends simulated waiting: StopProvider, or terraform is gone. */
  readonly signal: AbortSignal
}

/** What terraform is to remember, and what went wrong although the resource stands. */
export interface Changed {
  readonly state: ValueObject | null
  readonly error?: Error
}

const computedBlocksFact = 'terraform-computed-blocks'

/** Creates the resource; it is in the store before this returns, so that a lost reply loses no resource. */
export async function createResource(
  { behaviour, schema }: ResourceType,
  planned: ValueObject,
  config: ValueObject,
  context: ChangeContext,
): Promise<Changed> {
  const fault = failBefore(context.faults.takeForResource(behaviour.type, 'create'))
  const known = withoutUnknown(planned)
  const asked = withWriteOnly(schema.block, known, config)
  const made = { ...known, ...(await behaviour.create(asked, context.scope)) }
  return finish({ behaviour, schema }, planned, made, behaviour.seconds.create, fault, context)
}

export async function updateResource(
  { behaviour, schema }: ResourceType,
  states: { readonly prior: ValueObject; readonly planned: ValueObject; readonly config: ValueObject },
  context: ChangeContext,
): Promise<Changed> {
  const fault = failBefore(context.faults.takeForResource(behaviour.type, 'update'))
  const { store } = context.scope.world
  const id = idOf(behaviour, states.prior)
  const stored = store.get(behaviour.type, id)
  if (stored === undefined)
    throw new CloudError('NotFound', `${behaviour.type} ${id} does not exist any more`, 404)
  const prior: Attributes = { ...stored.attributes, ...states.prior }
  const known = { ...ownFacts(stored.attributes), ...withoutUnknown(states.planned) }
  const unchanged = Object.fromEntries(
    Object.keys(schema.block.attributes)
      .filter(name => !(name in known))
      .map(name => [name, prior[name]]),
  )
  const asked = withWriteOnly(schema.block, { ...unchanged, ...known }, states.config)
  const changed = behaviour.update === undefined ? asked : await behaviour.update(prior, asked, context.scope)
  const made = { ...unchanged, ...known, ...changed }
  return finish({ behaviour, schema }, states.planned, made, behaviour.seconds.update, fault, context)
}

export async function deleteResource(
  { behaviour }: ResourceType,
  prior: ValueObject,
  context: ChangeContext,
): Promise<Changed> {
  const fault = failBefore(context.faults.takeForResource(behaviour.type, 'delete'))
  const { store } = context.scope.world
  const id = idOf(behaviour, prior)
  const stored = store.get(behaviour.type, id)
  if (stored !== undefined) {
    if (behaviour.outlives?.({ ...stored.attributes, ...prior }) === true) return { state: null }
    await behaviour.remove?.({ ...stored.attributes }, context.scope)
    store.delete(behaviour.type, id)
    store.deleteFact(computedBlocksFact, `${behaviour.type}/${id}`)
  }
  const [waited] = await Promise.all([
    simulatedTime(behaviour.seconds.delete, context),
    context.scope.world.settled(behaviour.type),
  ])
  if (fault === 'lostResponse' || !waited) return { state: prior, error: lost(waited) }
  return { state: null }
}

/** The resource as it is now; null when it is gone. `timeouts` belong to the configuration, not to the cloud. */
export async function readResource(
  { behaviour, schema }: ResourceType,
  state: ValueObject,
  scope: BehaviourScope,
): Promise<ValueObject | null> {
  const current = await readStored({ behaviour, schema }, idOf(behaviour, state), scope)
  if (current === null) return null
  return 'timeouts' in current ? { ...current, timeouts: state['timeouts'] ?? null } : current
}

export async function readStored(
  { behaviour, schema }: ResourceType,
  id: string,
  scope: BehaviourScope,
): Promise<ValueObject | null> {
  const stored = scope.world.store.get(behaviour.type, id)
  if (stored === undefined) return null
  const read = behaviour.read === undefined ? {} : await behaviour.read({ ...stored.attributes }, scope)
  if (read === undefined) return null
  return conformBlock(schema.block, dropForeign(schema.block, { ...stored.attributes, ...read }))
}

/** Whether the cloud, not a configuration, brought a block: recorded when it was made; assumed where nothing was. */
export function keepsBlock(
  behaviour: Behaviour,
  id: Value | undefined,
  scope: BehaviourScope,
): (path: string) => boolean {
  const fact = scope.world.store.getFact(computedBlocksFact, `${behaviour.type}/${String(id)}`)
  return path => !Array.isArray(fact) || fact.includes(path)
}

async function finish(
  { behaviour, schema }: ResourceType,
  planned: ValueObject,
  made: Attributes,
  seconds: number,
  fault: FaultKind | undefined,
  context: ChangeContext,
): Promise<Changed> {
  const { store } = context.scope.world
  const kept = withoutWriteOnly(schema.block, made)
  const state = conformBlock(schema.block, kept)
  const id = idOf(behaviour, state)
  const key = `${behaviour.type}/${id}`
  const before = store.getFact(computedBlocksFact, key)
  const computed = new Set<unknown>(Array.isArray(before) ? before : [])
  for (const path of unaskedBlocks(schema.block, planned, state, '')) computed.add(path)
  store.put(behaviour.type, id, { ...ownFacts(made), ...state })
  store.putFact(computedBlocksFact, key, [...computed])
  const [waited] = await Promise.all([
    simulatedTime(seconds, context),
    context.scope.world.settled(behaviour.type),
  ])
  if (fault === 'lostResponse') return { state: null, error: lost(true) }
  return waited ? { state } : { state, error: lost(false) }
}

/** Blocks that stand in the result although neither configuration nor state had them. */
function unaskedBlocks(block: BlockSchema, planned: ValueObject, made: ValueObject, path: string): string[] {
  return Object.entries(block.block_types).flatMap(([name, nested]) => {
    const at = join(path, name)
    const [before, after] = [itemsOf(planned[name]), itemsOf(made[name])]
    if (after.length > 0 && before.length === 0) return [at]
    return after.flatMap((item, index) => unaskedBlocks(nested.block, before[index] ?? {}, item, at))
  })
}

function itemsOf(value: Value | undefined): readonly ValueObject[] {
  return isList(value) ? value.filter(isObject) : isObject(value) ? [value] : []
}

function failBefore(fault: FaultKind | undefined): FaultKind | undefined {
  switch (fault) {
    case 'throttle':
      throw new CloudError('ThrottlingException', 'Rate exceeded', 429)
    case 'serverError':
      throw new CloudError('InternalError', 'The service had an internal error, please try again', 500)
    case 'capacity':
      throw new CloudError('InsufficientCapacity', 'There is not enough capacity in this region now', 503)
    case 'expiredCredentials':
      throw new CloudError('ExpiredToken', 'The security token included in the request is expired', 403)
    default:
      return fault
  }
}

function lost(waited: boolean): Error {
  return waited
    ? new CloudError('RequestError', 'send request failed: read: connection reset by peer', 502)
    : new CloudError('Interrupted', 'waiting for completion: context canceled', 499)
}

/** False when it was cut short. */
async function simulatedTime(seconds: number, { scope, signal }: ChangeContext): Promise<boolean> {
  const ms = seconds * scope.world.timeScale * 1000
  if (ms <= 0) return true
  return delay(ms, true, { signal }).catch((error: unknown) => {
    if (signal.aborted) return false
    throw error
  })
}

function idOf(behaviour: Behaviour, state: ValueObject): string {
  const id = state['id']
  if (typeof id !== 'string' || id === '') throw new Error(`${behaviour.type} has no id`)
  return id
}

/** What the sandbox notes beside a resource; see Behaviour.create. */
function ownFacts(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => name.startsWith('_')))
}

function withWriteOnly(block: BlockSchema, planned: Attributes, config: ValueObject): Attributes {
  const secrets = Object.entries(block.attributes).flatMap(([name, attribute]) =>
    attribute.write_only ? [[name, config[name] ?? null] as const] : [],
  )
  return { ...planned, ...Object.fromEntries(secrets) }
}

function withoutWriteOnly(block: BlockSchema, attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      block.attributes[name]?.write_only === true ? null : value,
    ]),
  )
}
