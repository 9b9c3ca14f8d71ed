import { type handleUnaryCall, status, type UntypedServiceImplementation } from '@grpc/grpc-js'
import type * as z from 'zod'
import { type BehaviourScope, CloudError, type DataSourceBehaviour } from '../behaviour.ts'
import type { Faults } from '../faults.ts'
import type { SimulatedCloud } from '../simulated-cloud.ts'
import type { World } from '../world.ts'
import {
  applyRequest,
  configureRequest,
  type Diagnostic,
  emptyRequest,
  errorDiagnostic,
  fromWire,
  importRequest,
  planRequest,
  providerConfigRequest,
  readRequest,
  schemaMessage,
  toWire,
  typedConfigRequest,
  upgradeRequest,
} from './messages.ts'
import { planResource } from './plan.ts'
import { requiresReplace } from './replace.ts'
import {
  type Changed,
  createResource,
  deleteResource,
  keepsBlock,
  type ResourceType,
  readResource,
  readStored,
  updateResource,
} from './resource-changes.ts'
import type { ProviderSchemas, VersionedSchema } from './schema.ts'
import { conformBlock, dropForeign, isWhollyKnown, type ValueObject, withoutUnknown } from './value.ts'

export interface ProviderOptions {
  readonly cloud: SimulatedCloud
  readonly schemas: ProviderSchemas
  readonly world: World
  readonly faults: Faults
}

/** One terraform process's (or provider alias's) conversation: its configuration, and its end. */
export interface ProviderSession {
  readonly implementation: UntypedServiceImplementation
  /** Ends simulated waiting; called when the connection closes. */
  stop(): void
}

const capabilities = { plan_destroy: false, get_provider_schema_optional: true }

/** The calls of plugin protocol 6 for one connection, over a simulated cloud's behaviours. */
export function createProviderSession({ cloud, schemas, world, faults }: ProviderOptions): ProviderSession {
  let configuration: ValueObject = {}
  let stopping = new AbortController()
  const resources = resourceTypes(cloud, schemas)
  const dataSources = dataSourceTypes(cloud, schemas)
  const scope = (): BehaviourScope => ({
    world,
    provider: withoutUnknown(configuration),
    report: message => world.log(`${cloud.name}: ${message}`),
  })
  const resource = (type: string): ResourceType => known(resources, type)
  const answer = <Request>(
    schema: z.ZodType<Request>,
    handle: (request: Request) => object | Promise<object>,
  ): handleUnaryCall<unknown, object> => {
    const run = async (request: unknown) => handle(schema.parse(request))
    return (call, callback) => {
      run(call.request).then(
        response => callback(null, response),
        (error: unknown) => {
          world.log(`${cloud.name}: terraform call failed: ${describe(error)}`)
          callback({ code: status.INTERNAL, details: describe(error) })
        },
      )
    }
  }

  const implementation: UntypedServiceImplementation = {
    GetMetadata: answer(emptyRequest, () => ({
      server_capabilities: capabilities,
      resources: [...resources.keys()].map(type_name => ({ type_name })),
      data_sources: [...dataSources.keys()].map(type_name => ({ type_name })),
    })),
    GetProviderSchema: answer(emptyRequest, () => ({
      provider: schemaMessage(schemas.provider),
      resource_schemas: Object.fromEntries(
        [...schemas.resources].map(([type, s]) => [type, schemaMessage(s)]),
      ),
      data_source_schemas: Object.fromEntries(
        [...schemas.dataSources].map(([type, s]) => [type, schemaMessage(s)]),
      ),
      server_capabilities: capabilities,
    })),
    GetResourceIdentitySchemas: answer(emptyRequest, () => ({})),
    GetFunctions: answer(emptyRequest, () => ({})),
    ValidateProviderConfig: answer(providerConfigRequest, () => ({})),
    ValidateDataResourceConfig: answer(typedConfigRequest, () => ({})),
    ValidateResourceConfig: answer(typedConfigRequest, request => {
      const { behaviour, schema } = resource(request.type_name)
      const config = fromWire(schema.block, request.config)
      const mistakes = config === null ? [] : (behaviour.validate?.(withoutUnknown(config)) ?? [])
      return {
        diagnostics: mistakes.map(({ message, path }) =>
          errorDiagnostic(`invalid ${behaviour.type}`, message, path),
        ),
      }
    }),
    ConfigureProvider: answer(configureRequest, request => {
      configuration = fromWire(schemas.provider.block, request.config) ?? {}
      return {}
    }),
    UpgradeResourceState: answer(upgradeRequest, request => {
      const { block } = resource(request.type_name).schema
      const stored: unknown = JSON.parse(Buffer.from(request.raw_state.json).toString('utf8'))
      return { upgraded_state: toWire(conformBlock(block, dropForeign(block, stored))) }
    }),
    ReadResource: answer(readRequest, async request => {
      const type = resource(request.type_name)
      const state = fromWire(type.schema.block, request.current_state)
      try {
        const now = state === null ? null : await readResource(type, state, scope())
        return { new_state: toWire(now), private: request.private }
      } catch (error) {
        const diagnostics = [diagnose(`reading ${request.type_name}`, error, world)]
        return { new_state: toWire(state), private: request.private, diagnostics }
      }
    }),
    PlanResourceChange: answer(planRequest, request => {
      const type = resource(request.type_name)
      const { block, facts } = type.schema
      const prior = fromWire(block, request.prior_state)
      const config = fromWire(block, request.config)
      const common = { planned_private: request.prior_private, legacy_type_system: true }
      if (config === null || fromWire(block, request.proposed_new_state) === null)
        return { planned_state: toWire(null), ...common }
      const planned = plan(type, config, prior, scope())
      const forceNew = [...facts.force_new, ...(type.behaviour.replacedBy ?? [])]
      const replace = prior === null ? [] : requiresReplace(block, forceNew, { config, planned, prior })
      return {
        planned_state: toWire(planned),
        requires_replace: replace.map(steps => ({ steps })),
        ...common,
      }
    }),
    ApplyResourceChange: answer(applyRequest, async request => {
      const type = resource(request.type_name)
      const { block } = type.schema
      const prior = fromWire(block, request.prior_state)
      const planned = fromWire(block, request.planned_state)
      const config = fromWire(block, request.config) ?? {}
      const context = { scope: scope(), faults, signal: stopping.signal }
      const common = { private: request.planned_private, legacy_type_system: true }
      const verb = prior === null ? 'creating' : planned === null ? 'deleting' : 'updating'
      const fail = (error: unknown) => [diagnose(`${verb} ${request.type_name}`, error, world)]
      try {
        let changed: Changed = { state: null }
        if (prior === null && planned !== null) changed = await createResource(type, planned, config, context)
        else if (prior !== null && planned === null) changed = await deleteResource(type, prior, context)
        else if (prior !== null && planned !== null)
          changed = await updateResource(type, { prior, planned, config }, context)
        const diagnostics = changed.error === undefined ? [] : fail(changed.error)
        return { new_state: toWire(changed.state), diagnostics, ...common }
      } catch (error) {
        return { new_state: toWire(prior), diagnostics: fail(error), ...common }
      }
    }),
    ImportResourceState: answer(importRequest, async request => {
      const type = resource(request.type_name)
      const { importId } = type.behaviour
      const id = importId === undefined ? request.id : importId(request.id, scope())
      const state = id === undefined ? null : await readStored(type, id, scope())
      if (state === null) {
        const detail = `There is no ${request.type_name} with the import id ${request.id}.`
        return { diagnostics: [errorDiagnostic('Cannot import non-existent remote object', detail)] }
      }
      return { imported_resources: [{ type_name: request.type_name, state: toWire(state) }] }
    }),
    ReadDataSource: answer(typedConfigRequest, async request => {
      const { behaviour, schema } = known(dataSources, request.type_name)
      const config = fromWire(schema.block, request.config) ?? {}
      try {
        const read = await behaviour.read(withoutUnknown(config), scope())
        return { state: toWire(conformBlock(schema.block, { ...config, ...read })) }
      } catch (error) {
        return { state: toWire(null), diagnostics: [diagnose(`reading ${request.type_name}`, error, world)] }
      }
    }),
    StopProvider: answer(emptyRequest, () => {
      stopping.abort()
      stopping = new AbortController()
      return {}
    }),
  }
  return { implementation, stop: () => stopping.abort() }
}

function plan(
  { behaviour, schema }: ResourceType,
  config: ValueObject,
  prior: ValueObject | null,
  scope: BehaviourScope,
): ValueObject {
  const rules = {
    schema,
    recomputedOn: behaviour.recomputedOn ?? {},
    computedBlocks: new Set(behaviour.computedBlocks ?? []),
    keepsBlock: keepsBlock(behaviour, prior?.['id'], scope),
  }
  const planned = planResource(rules, config, prior)
  if (behaviour.plan === undefined) return planned
  const before = prior === null ? undefined : withoutUnknown(prior)
  const settled = Object.fromEntries(Object.entries(planned).filter(([, value]) => isWhollyKnown(value)))
  const overrides = behaviour.plan(withoutUnknown(settled), before, scope.provider)
  return conformBlock(schema.block, { ...planned, ...overrides })
}

function resourceTypes(cloud: SimulatedCloud, schemas: ProviderSchemas): ReadonlyMap<string, ResourceType> {
  return new Map(
    cloud.behaviours.map(behaviour => [
      behaviour.type,
      { behaviour, schema: known(schemas.resources, behaviour.type) },
    ]),
  )
}

function dataSourceTypes(
  cloud: SimulatedCloud,
  schemas: ProviderSchemas,
): ReadonlyMap<string, { readonly behaviour: DataSourceBehaviour; readonly schema: VersionedSchema }> {
  return new Map(
    cloud.dataSources.map(behaviour => [
      behaviour.type,
      { behaviour, schema: known(schemas.dataSources, behaviour.type) },
    ]),
  )
}

function known<T>(types: ReadonlyMap<string, T>, type: string): T {
  const found = types.get(type)
  if (found === undefined) throw new Error(`the simulated provider has no behaviour for ${type}`)
  return found
}

function diagnose(doing: string, error: unknown, world: World): Diagnostic {
  if (error instanceof CloudError) return errorDiagnostic(`${doing}: ${error.code}: ${error.message}`)
  world.log(`${doing}: ${describe(error)}`)
  return errorDiagnostic(`${doing}: the sandbox itself failed`, describe(error))
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
