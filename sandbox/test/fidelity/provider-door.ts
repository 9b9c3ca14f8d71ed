import * as z from 'zod'
import { createFaults } from '../../src/faults.ts'
import type { SimulatedCloud } from '../../src/simulated-cloud.ts'
import type { Attributes } from '../../src/store/resource-store.ts'
import { fromWire, toWire } from '../../src/terraform/messages.ts'
import { createProviderSession } from '../../src/terraform/provider.ts'
import type { ProviderSchemas } from '../../src/terraform/schema.ts'
import { conformBlock, type ValueObject } from '../../src/terraform/value.ts'
import type { World } from '../../src/world.ts'

/** The calls that terraform makes of a provider, message by message, without terraform around them. */
export interface ProviderDoor {
  /** Plans a creation; unknown values are left as they are. */
  planCreate(type: string, config: ValueObject): Promise<ValueObject | null>
  /** Paths (`vpc_config.0.subnet_ids`) for which the change from `prior` to `config` needs a replacement. */
  replacePaths(type: string, prior: ValueObject, config: ValueObject): Promise<readonly string[]>
  /** The cloud's error code; undefined when it was made. */
  create(type: string, config: ValueObject): Promise<string | undefined>
  /** The cloud's error code; undefined when it is gone. */
  remove(type: string, state: ValueObject): Promise<string | undefined>
}

const dynamicValue = z.object({ msgpack: z.instanceof(Uint8Array) })
const planned = z.object({
  planned_state: dynamicValue,
  requires_replace: z
    .array(
      z.object({
        steps: z.array(
          z.union([z.object({ attribute_name: z.string() }), z.object({ element_key_int: z.int() })]),
        ),
      }),
    )
    .default([]),
})
const applied = z.object({ diagnostics: z.array(z.object({ summary: z.string(), detail: z.string() })) })
const none = Buffer.alloc(0)

/** `provider` is the provider block's configuration (region, project …). */
export async function openProviderDoor(
  cloud: SimulatedCloud,
  schemas: ProviderSchemas,
  world: World,
  provider: Attributes,
): Promise<ProviderDoor> {
  const { implementation } = createProviderSession({ cloud, schemas, world, faults: createFaults() })
  const call = (method: string, request: object) =>
    new Promise<unknown>((resolve, reject) => {
      const handler = implementation[method]
      if (handler === undefined) throw new Error(`a provider has no ${method}`)
      const callback = (error: unknown, response: unknown) =>
        error === null ? resolve(response) : reject(error)
      Reflect.apply(handler, undefined, [{ request }, callback])
    })
  const plan = async (type_name: string, prior: ValueObject | null, config: ValueObject) =>
    planned.parse(
      await call('PlanResourceChange', {
        type_name,
        prior_state: toWire(prior),
        proposed_new_state: toWire(config),
        config: toWire(config),
        prior_private: none,
      }),
    )
  const apply = async (request: object) => {
    const { diagnostics } = applied.parse(
      await call('ApplyResourceChange', { ...request, planned_private: none }),
    )
    return diagnostics[0] === undefined ? undefined : codeOf(diagnostics[0])
  }
  await call('ConfigureProvider', {
    terraform_version: '1.11.4',
    config: toWire(conformBlock(schemas.provider.block, provider)),
  })
  return {
    async planCreate(type, config) {
      return fromWire(blockOf(schemas, type), (await plan(type, null, config)).planned_state)
    },
    async replacePaths(type, prior, config) {
      const { requires_replace } = await plan(type, prior, config)
      return requires_replace.map(({ steps }) =>
        steps.map(step => ('attribute_name' in step ? step.attribute_name : step.element_key_int)).join('.'),
      )
    },
    async create(type, config) {
      const { planned_state } = await plan(type, null, config)
      return apply({ type_name: type, prior_state: toWire(null), planned_state, config: toWire(config) })
    },
    remove: (type, state) =>
      apply({
        type_name: type,
        prior_state: toWire(state),
        planned_state: toWire(null),
        config: toWire(null),
      }),
  }
}

export function blockOf(schemas: ProviderSchemas, type: string) {
  const schema = schemas.resources.get(type)
  if (schema === undefined) throw new Error(`the schemas do not hold ${type}`)
  return schema.block
}

/** `creating aws_vpc: InvalidVpc.Range: …`: the diagnostics of the simulated provider name the cloud's code second. */
function codeOf({ summary, detail }: { readonly summary: string; readonly detail: string }): string {
  const code = /^\w+ \w+: ([^\s:]+): /.exec(summary)?.[1]
  if (code === undefined) throw new Error(`no error of a cloud: ${summary}: ${detail}`)
  return code
}
