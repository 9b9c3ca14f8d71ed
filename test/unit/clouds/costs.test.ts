import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as aws from '../../../src/clouds/aws/billed.ts'
import { sizes as awsSizes, diskGib } from '../../../src/clouds/aws/sizes.ts'
import * as azure from '../../../src/clouds/azure/billed.ts'
import { sizes as azureSizes, sqlStorageGb } from '../../../src/clouds/azure/sizes.ts'
import { type Billed, costsOf, type Rate, timesAMonth } from '../../../src/clouds/costs.ts'
import * as gcp from '../../../src/clouds/gcp/billed.ts'
import { sizes as gcpSizes } from '../../../src/clouds/gcp/sizes.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import type { Config } from '../../../src/config/schema.ts'

const templates = join(import.meta.dirname, '../../../templates/terraform')
const text = (path: string) => readFileSync(join(templates, path), 'utf8')

test.each([
  ['Hrs', 730],
  ['1 Hour', 730],
  ['h', 730],
  ['GiBy.h', 730],
  ['GB-Mo', 1],
  ['GiBy.mo', 1],
  ['1/Month', 1],
  ['1 GB/Month', 1],
  ['100 GB/Month', 0.01],
  ['1/Day', 730 / 24],
  ['Keys', 1],
  ['1', 1],
  ['GB', undefined],
  ['10K', undefined],
  ['', 1],
])('a month has %j so many times', (unit, times) => {
  expect(timesAMonth(unit)).toBe(times)
})

describe('what a line comes to', () => {
  const line: Omit<Billed<string>, 'parts'> = {
    root: 'cluster',
    address: 'a_thing.main',
    instances: 1,
    what: 'a thing',
    amount: '2',
  }
  const rate = (changes: Partial<Rate> = {}): Rate => ({
    ...{ amount: 0.1, currency: 'USD', unit: 'Hrs', source: 'a list', since: '2026-08-21' },
    ...changes,
  })
  const costOf = async (parts: Billed<string>['parts'], rates: Record<string, Rate>, byUse?: string) => {
    const asked: string[] = []
    const thing = { ...line, parts, ...(byUse === undefined ? {} : { byUse }) }
    const [found] = await costsOf([thing, thing], async query => {
      asked.push(query)
      return rates[query]
    })
    expect(asked).toEqual([...new Set(asked)])
    return found?.cost
  }

  test('is the sum of its parts over a month', async () => {
    const parts = [
      { query: 'core', quantity: 2, most: 5 },
      { query: 'disk', quantity: 50 },
    ]
    const rates = { core: rate(), disk: rate({ amount: 0.08, unit: 'GB-Mo' }) }
    expect(await costOf(parts, rates)).toEqual({
      kind: 'monthly',
      amount: 150,
      most: 150 + 730 * 0.1 * 3,
      currency: 'USD',
      source: 'a list',
      since: '2026-08-21',
    })
  })

  test.each([
    ['without a price', {}, /does not name it/],
    ['with a price of nothing', { core: rate({ amount: 0 }) }, /has it at 0/],
    ['by a unit that is no time', { core: rate({ unit: 'Requests' }) }, /by 'Requests'/],
    ['in two currencies', { core: rate(), disk: rate({ currency: 'EUR' }) }, /USD and EUR/],
  ])('is not known %s: never zero', async (_name, rates, why) => {
    const parts = [
      { query: 'core', quantity: 1 },
      { query: 'disk', quantity: 1 },
    ]
    expect(await costOf(parts, rates)).toMatchObject({ kind: 'unknown', why: expect.stringMatching(why) })
  })

  test('is a rate where use decides, and no rate where the list names none', async () => {
    const parts = [{ query: 'gb', quantity: 1 }]
    expect(await costOf(parts, { gb: rate({ unit: 'GB' }) }, 'GB')).toEqual({
      kind: 'by-use',
      rate: { amount: 0.1, currency: 'USD' },
      per: 'GB',
    })
    expect(await costOf(parts, {}, 'GB')).toMatchObject({ kind: 'by-use', rate: null })
  })
})

/** Every configuration that makes other resources: environments, databases, spot and GPU pools. */
const configurations: readonly Config[] = (['dev', 'staging', 'prod'] as const).flatMap(environment =>
  (['postgresql', 'azure-sql'] as const).map(engine => {
    const config = defaultSandboxConfig(environment)
    const { aws: amazon, gcp: google, azure: microsoft } = config.clouds
    if (amazon === undefined || google === undefined || microsoft === undefined)
      throw new Error('three clouds')
    const gpu = (type: string) => ({ min: 1, max: 2, type, spot: true })
    const spot = <T extends { nodes: object }>(cloud: T) => ({
      ...cloud,
      nodes: { ...cloud.nodes, spot: true },
    })
    return {
      ...config,
      database: { engine },
      clouds: {
        aws: { ...spot(amazon), gpuNodes: gpu('g6.xlarge') },
        gcp: { ...spot(google), gpuNodes: gpu('g2-standard-8') },
        azure: { ...spot(microsoft), gpuNodes: gpu('Standard_NC4as_T4_v3') },
      },
    }
  }),
)

type BilledOf = (config: Config) => readonly Pick<Billed<unknown>, 'address' | 'root'>[]
const clouds: readonly (readonly [string, readonly string[], BilledOf])[] = [
  ['aws', aws.freeTypes, aws.billed],
  ['azure', azure.freeTypes, azure.billed],
  [
    'gcp',
    gcp.freeTypes,
    config => {
      if (config.clouds.gcp === undefined) throw new Error('no gcp')
      return gcp.billed(config, config.clouds.gcp, new Map())
    },
  ],
]

describe.each(clouds)('%s', (cloud, freeTypes, billed) => {
  const roots = ['foundation', 'cluster'] as const
  const declared = roots.flatMap(root =>
    readdirSync(join(templates, cloud, root))
      .filter(name => name.endsWith('.tf'))
      .flatMap(name =>
        [...text(`${cloud}/${root}/${name}`).matchAll(/^resource "(\w+)" "(\w+)"/gm)].map(
          ([, type = '', label = '']) => ({ root, type, address: `${type}.${label}` }),
        ),
      ),
  )
  const lines = configurations.flatMap(config => billed(config))

  test('every resource type is priced, by use, or free', () => {
    const types = new Set(lines.map(({ address }) => address.split('.')[0] ?? ''))
    expect([...new Set([...types, ...freeTypes])].sort()).toEqual(
      [...new Set(declared.map(({ type }) => type))].sort(),
    )
    expect(freeTypes.filter(type => types.has(type))).toEqual([])
  })

  test('every line is about something that the templates make, in its root', () => {
    for (const { address, root } of lines) {
      const [plain] = address.split('[')
      expect(declared).toContainEqual({ root, address: plain, type: address.split('.')[0] })
    }
  })
})

/** Of `sizes = { dev = { key = value … } … }` in a locals.tf, the keys that prices need. */
function sizesIn(file: string, keys: readonly string[]): Record<string, Record<string, unknown>> {
  const table = /^ {2}sizes = \{\n([\s\S]*?)^ {2}\}/m.exec(text(file))?.[1] ?? ''
  return Object.fromEntries(
    [...table.matchAll(/^ {4}(\w+) = \{\n([\s\S]*?)^ {4}\}/gm)].map(([, environment = '', body = '']) => [
      environment,
      Object.fromEntries(
        [...body.matchAll(/^\s+(\w+)\s+= ("[^"]*"|[\w.]+)/gm)]
          .filter(([, key = '']) => keys.includes(key))
          .map(([, key = '', value = '']) => [key, JSON.parse(value)]),
      ),
    ]),
  )
}

test.each([
  ['aws', awsSizes],
  ['gcp', gcpSizes],
  ['azure', azureSizes],
] as const)('%s is priced at the sizes that its template has', (cloud, sizes) => {
  expect(sizesIn(`${cloud}/foundation/locals.tf`, Object.keys(sizes.dev))).toEqual(sizes)
})

test('disks are priced as large as the templates have them', () => {
  const groups = text('aws/cluster/locals.tf')
  const gib = [...groups.matchAll(/^ {6}(general|gpu) = \{[\s\S]*?disk_gib = (\d+)/gm)]
  expect(Object.fromEntries(gib.map(([, name, size]) => [name, Number(size)]))).toEqual(diskGib)
  expect(text('azure/foundation/database-azure-sql.tf')).toMatch(
    new RegExp(`max_size_gb\\s+= ${sqlStorageGb}\\n`),
  )
})
