import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import type { Refusals } from '../../src/behaviour.ts'
import type { StoredResource } from '../../src/store/resource-store.ts'
import { loadSchemas, type ProviderSchemas } from '../../src/terraform/schema.ts'
import type { World } from '../../src/world.ts'
import { addressOf, changedAt, configOf, isInSchema, stateOf } from './configuration.ts'
import { awsOperationExists } from './models/aws-model.ts'
import { googleResourceExists } from './models/google-model.ts'
import { platformStarters, type StandingPlatform } from './platforms.ts'
import { blockOf, openProviderDoor, type ProviderDoor } from './provider-door.ts'
import { lock, provocations } from './provocations.ts'

const minutes = 60_000
const shownPlan = z.object({
  configuration: z.object({
    root_module: z.object({
      resources: z.array(z.object({ mode: z.enum(['managed', 'data']), type: z.string() })),
    }),
  }),
})

/** What rows say that a cloud refuses, `<type> <create|delete> <code>`, and what was seen refused. */
const declared = new Set<string>()
const seen = new Set<string>()
/** Types of the templates, and those that a platform really had. */
const used = new Set<string>()
const exercised = new Set<string>()
const replaced = new Set<string>()
/** The provider changes these in place, whatever changes. */
const neverReplaced = new Set(['aws_internet_gateway'])

describe.each(Object.entries(platformStarters))('%s', (_name, start) => {
  let platform: StandingPlatform
  let schemas: ProviderSchemas
  let types: readonly string[] = []
  let dataTypes: readonly string[] = []
  let resources: readonly StoredResource[] = []

  beforeAll(async () => {
    platform = await start()
    const { provider, providerVersion, behaviours, dataSources } = platform.cloud
    schemas = await loadSchemas(provider, providerVersion, {
      resources: behaviours.map(({ type }) => type),
      dataSources: dataSources.map(({ type }) => type),
    })
    const inTemplates = (await Promise.all(platform.roots.map(typesOf))).flat()
    const ofMode = (mode: 'managed' | 'data') =>
      [...new Set(inTemplates.filter(one => one.mode === mode).map(({ type }) => type))].sort()
    types = ofMode('managed')
    dataTypes = ofMode('data')
    const inState = new Set((await Promise.all(platform.roots.map(idsOf))).flat())
    resources = platform.harness.world.store.all().filter(({ type, id }) => inState.has(`${type} ${id}`))
  }, 5 * minutes)
  afterAll(() => platform?.close(), minutes)

  /** Something is done to a copy of the world; the others never see it. */
  async function onCopy<T>(act: (door: ProviderDoor, world: World) => Promise<T>) {
    const world = await platform.copy()
    try {
      return await act(await openProviderDoor(platform.cloud, schemas, world, platform.provider), world)
    } finally {
      world.store[Symbol.dispose]()
    }
  }
  const rowOf = (type: string) => platform.cloud.behaviours.find(one => one.type === type)

  test('every type of the templates has a row, with a source that is real', () => {
    expect(types.length).toBeGreaterThan(20)
    for (const type of types) used.add(type)
    expect(types.filter(type => rowOf(type) === undefined)).toEqual([])
    const rows = platform.cloud.behaviours.filter(({ type }) => types.includes(type))
    const reads = platform.cloud.dataSources.filter(({ type }) => dataTypes.includes(type))
    expect(dataTypes).toEqual(reads.map(({ type }) => type).sort())
    for (const { type, source } of [...rows, ...reads]) expect(sourceMistakes(type, source), type).toEqual([])
    for (const { type, seconds } of rows)
      expect(seconds.create + seconds.update + seconds.delete, type).toBeGreaterThan(0)
  })

  test('what forces replacement and what is a default are known of every type, and stand in its schema', () => {
    for (const type of types) {
      const { facts, block } = schemas.resources.get(type) ?? { facts: undefined, block: undefined }
      if (facts === undefined || block === undefined) throw new Error(`no schema for ${type}`)
      const paths = [...facts.force_new, ...(rowOf(type)?.replacedBy ?? [])]
      if (!neverReplaced.has(type)) expect(paths, type).not.toEqual([])
      for (const path of [...paths, ...Object.keys(facts.defaults)])
        expect(isInSchema(block, path), `${type}.${path}`).toBe(true)
    }
  })

  test('a change of what forces replacement plans one', { timeout: 2 * minutes }, async () => {
    await onCopy(async door => {
      for (const { type, attributes } of resources) {
        const block = blockOf(schemas, type)
        const state = stateOf(block, attributes)
        const config = configOf(block, attributes)
        const forceNew = [
          ...(schemas.resources.get(type)?.facts.force_new ?? []),
          ...(rowOf(type)?.replacedBy ?? []),
        ]
        for (const path of forceNew) {
          const changed = changedAt(block, config, path)
          if (changed === undefined) continue
          const paths = await door.replacePaths(type, state, changed)
          expect(paths.map(withoutIndices), `${type}.${path}`).toContain(addressOf(block, path))
          replaced.add(type)
        }
        expect(await door.replacePaths(type, state, config), `${type} unchanged`).toEqual([])
      }
    })
  })

  test('defaults are planned where nothing is written', { timeout: 2 * minutes }, async () => {
    await onCopy(async door => {
      for (const { type, attributes } of resources) {
        const { facts, block } = schemas.resources.get(type) ?? { facts: undefined, block: undefined }
        if (facts === undefined || block === undefined) continue
        for (const [path, value] of Object.entries(facts.defaults)) {
          if (path.includes('.')) continue
          const planned = await door.planCreate(type, { ...configOf(block, attributes), [path]: null })
          expect(planned?.[path], `${type}.${path}`).toEqual(value)
        }
      }
    })
  })

  test('what is refused beside what stands there is what its row says', {
    timeout: 5 * minutes,
  }, async () => {
    for (const resource of resources) {
      const { type, attributes } = resource
      const block = blockOf(schemas, type)
      note(type, 'create', await onCopy(door => door.create(type, configOf(block, attributes))))
      note(type, 'delete', await onCopy(door => door.remove(type, stateOf(block, attributes))))
      if (platform.cloud.name === 'azure')
        note(
          type,
          'delete',
          await onCopy((door, world) => {
            lock(world, resource.id)
            return door.remove(type, stateOf(block, attributes))
          }),
        )
    }
    for (const { type, refuses, code, given, asks } of provocations) {
      const resource = resources.find(one => one.type === type)
      if (resource === undefined) continue
      const block = blockOf(schemas, type)
      const answer = await onCopy(async (door, world) => {
        await given?.(world, resource)
        const now = world.store.get(type, resource.id)?.attributes ?? resource.attributes
        if (refuses === 'delete') return door.remove(type, stateOf(block, now))
        const config = configOf(block, now)
        return door.create(type, asks?.(config) ?? config)
      })
      expect(answer, `${type} ${refuses}`).toBe(code)
      note(type, refuses, answer)
    }
  })

  function note(type: string, verb: keyof Refusals, code: string | undefined): void {
    exercised.add(type)
    const refuses = rowOf(type)?.refuses ?? { create: [], delete: [] }
    for (const known of ['create', 'delete'] as const)
      for (const one of refuses[known]) declared.add(`${type} ${known} ${one}`)
    if (code === undefined) return
    expect(refuses[verb], `${type} answers ${code} to ${verb}, which its row does not say`).toContain(code)
    seen.add(`${type} ${verb} ${code}`)
  }
})

describe('over all clouds', () => {
  test('no type of the templates was left out', () => {
    expect([...used].filter(type => !exercised.has(type)).sort()).toEqual([])
    expect([...used].filter(type => !replaced.has(type) && !neverReplaced.has(type)).sort()).toEqual([])
  })

  test('every refusal that a row names was seen', () => {
    expect([...declared].filter(one => !seen.has(one)).sort()).toEqual([])
    process.stdout.write(
      `${used.size} resource types: ${replaced.size} seen replaced, ${seen.size} refusals seen of ${declared.size} in their rows\n`,
    )
  })
})

async function typesOf(root: StandingPlatform['roots'][number]) {
  await root.plan()
  const shown = await root.run(['show', '-json', 'harness.tfplan'])
  return shownPlan.parse(JSON.parse(shown)).configuration.root_module.resources
}

async function idsOf(root: StandingPlatform['roots'][number]): Promise<readonly string[]> {
  return Object.entries(await root.state()).map(
    ([address, values]) => `${address.split('.')[0]} ${values['id']}`,
  )
}

const pages: Readonly<Record<string, RegExp>> = {
  aws: /https:\/\/docs\.aws\.amazon\.com\/[\w./-]+\.html/,
  google: /https:\/\/cloud\.google\.com\/[\w./-]+/,
  azurerm: /https:\/\/learn\.microsoft\.com\/(azure|rest\/api|entra)\/[\w./-]+/,
}

/** The clouds publish what their API references hold, so that the pages named there can be checked without a network. */
function sourceMistakes(type: string, source: string): readonly string[] {
  const [provider = '', ...name] = type.split('_')
  const registry = `https://registry.terraform.io/providers/hashicorp/${provider}/`
  if (source.startsWith(registry))
    return new RegExp(`/docs/(resources|data-sources)/${name.join('_')}\\b`).test(source)
      ? []
      : [`${source} is the page of another type`]
  if (pages[provider]?.test(source) !== true) return [`${source} names no page of the cloud's documentation`]
  const operations = [...source.matchAll(/API_(\w+)/g)].map(([, operation = '']) => operation)
  const resources = [...source.matchAll(/\/(?:rest|json_api)\/v1\/([\w.]+)/g)].map(
    ([, resource = '']) => resource,
  )
  return [
    ...operations.filter(one => !awsOperationExists(one)).map(one => `AWS has no operation ${one}`),
    ...resources
      .filter(one => provider === 'google' && !googleResourceExists(one))
      .map(one => `Google has no resource ${one}`),
  ]
}

function withoutIndices(path: string): string {
  return path.replace(/\.\d+(?=\.|$)/g, '')
}
