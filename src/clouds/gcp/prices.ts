import * as z from 'zod'
import type { CostLine } from '../cost-line.ts'
import { costsOf, type Rate } from '../costs.ts'
import { once } from '../once.ts'
import { billed, type Machine, type Sku } from './billed.ts'
import { unexpectedAnswerError } from './errors.ts'
import type { GcpPlatform } from './platform.ts'
import { machineOf, zonesOf } from './quotas.ts'

/** Of the largest service, Compute Engine, that is some tens of thousands of SKUs in a dozen pages. */
const pageSize = 5000
const pageLimit = 30

const amount = z.object({
  currencyCode: z.string(),
  units: z.union([z.string(), z.number()]).default('0').transform(Number),
  nanos: z.number().default(0),
})
const sku = z.object({
  description: z.string(),
  category: z.object({ usageType: z.string().default('OnDemand') }).optional(),
  serviceRegions: z.array(z.string()).default([]),
  pricingInfo: z
    .array(
      z.object({
        effectiveTime: z.string().default(''),
        pricingExpression: z.object({
          usageUnit: z.string(),
          tieredRates: z
            .array(z.object({ startUsageAmount: z.number().default(0), unitPrice: amount }))
            .default([]),
        }),
      }),
    )
    .default([]),
})
type Listed = z.output<typeof sku>
const skuPage = z.object({ skus: z.array(sku).default([]), nextPageToken: z.string().default('') })
const servicePage = z.object({
  services: z.array(z.object({ name: z.string(), displayName: z.string().default('') })).default([]),
  nextPageToken: z.string().default(''),
})
/** What is read of a SKU; the rest of it would be most of the answer. */
const skuFields =
  'nextPageToken,skus(description,category/usageType,serviceRegions,pricingInfo(effectiveTime,pricingExpression(usageUnit,tieredRates)))'

/**
 * What the platform costs on Google Cloud, by the public catalogue of Cloud Billing.
 * https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list
 */
export async function prices(platform: GcpPlatform, signal: AbortSignal): Promise<readonly CostLine[]> {
  const things = billed(platform.config, platform.settings, await machinesOf(platform, signal))
  const wanted = Map.groupBy(
    things.flatMap(({ parts }) => parts.map(({ query }) => query)),
    ({ service }) => service,
  )
  const services = once(() => serviceNames(platform, signal))
  const listed = new Map(
    [...wanted].map(([service, queries]) => [
      service,
      once(() => skusOf(platform, services, service, queries, signal)),
    ]),
  )
  return costsOf(things, async query => {
    const found = (await listed.get(query.service)?.()) ?? []
    return rateOf(found.filter(each => fits(each, query, platform.region)))
  })
}

async function machinesOf(platform: GcpPlatform, signal: AbortSignal): Promise<ReadonlyMap<string, Machine>> {
  const { nodes, gpuNodes } = platform.settings
  const types = [...new Set([nodes.type, ...(gpuNodes === undefined ? [] : [gpuNodes.type])])]
  const zones = await zonesOf(platform, signal)
  const found = types.map(async type => {
    const { guestCpus, memoryMb, accelerators } = await machineOf(platform, type, zones, signal)
    const gpus = accelerators.map(each => ({
      type: each.guestAcceleratorType,
      count: each.guestAcceleratorCount,
    }))
    return [type, { cpus: guestCpus, memoryGib: memoryMb / 1024, gpus }] as const
  })
  return new Map(await Promise.all(found))
}

/** The catalogue's ids by the names that bills show. */
async function serviceNames(
  { rest }: GcpPlatform,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>()
  const path = '/v1/services'
  const query = { pageSize: String(pageSize), fields: 'nextPageToken,services(name,displayName)' }
  const pages = paged(path, async token => {
    const page = { ...query, ...token }
    return rest.call({ service: 'cloudbilling', path, query: page, answer: servicePage }, signal)
  })
  for await (const { services } of pages)
    for (const { name, displayName } of services) names.set(displayName, name)
  return names
}

/** Those that the queries are about. There is no asking for less, so the reading ends as soon as each is found. */
async function skusOf(
  { rest, region }: GcpPlatform,
  services: () => Promise<ReadonlyMap<string, string>>,
  service: string,
  queries: readonly Sku[],
  signal: AbortSignal,
): Promise<readonly Listed[]> {
  const name = (await services()).get(service)
  if (name === undefined) return []
  const path = `/v1/${name}/skus`
  const query = { pageSize: String(pageSize), currencyCode: 'USD', fields: skuFields }
  const pages = paged(path, async token => {
    const page = { ...query, ...token }
    return rest.call({ service: 'cloudbilling', path, query: page, answer: skuPage }, signal)
  })
  const found: Listed[] = []
  for await (const { skus } of pages) {
    found.push(...skus.filter(each => queries.some(one => fits(each, one, region))))
    if (queries.every(one => found.some(each => fits(each, one, region)))) break
  }
  return found
}

async function* paged<Page extends { readonly nextPageToken: string }>(
  path: string,
  ask: (token: Readonly<Record<string, string>>) => Promise<Page>,
): AsyncGenerator<Page> {
  let token = ''
  for (let count = 0; count < pageLimit; count++) {
    const page = await ask(token === '' ? {} : { pageToken: token })
    yield page
    token = page.nextPageToken
    if (token === '') return
  }
  throw unexpectedAnswerError('cloudbilling', `GET ${path}`, `more than ${pageLimit} pages of prices`)
}

function fits(
  { description, category, serviceRegions }: Listed,
  { begins, spot }: Sku,
  region: string,
): boolean {
  const usage = category?.usageType ?? 'OnDemand'
  return (
    description.startsWith(begins) &&
    (serviceRegions.includes(region) || serviceRegions.includes('global')) &&
    usage === (spot === true ? 'Preemptible' : 'OnDemand')
  )
}

/** The first tier that costs anything: behind a free allowance, before a discount. */
function rateOf(found: readonly Listed[]): Rate | undefined {
  for (const { pricingInfo } of found) {
    // A timeline; the last is in force.
    const now = pricingInfo.at(-1)
    const tiers = (now?.pricingExpression.tieredRates ?? [])
      .map(({ startUsageAmount, unitPrice: { units, nanos, currencyCode: currency } }) => ({
        from: startUsageAmount,
        amount: units + nanos / 1e9,
        currency,
      }))
      .filter(tier => tier.amount > 0)
      .sort((a, b) => a.from - b.from)
    const [first] = tiers
    if (now === undefined || first === undefined) continue
    return {
      amount: first.amount,
      currency: first.currency,
      unit: now.pricingExpression.usageUnit,
      source: 'Google Cloud Billing Catalog',
      since: now.effectiveTime.slice(0, 10),
    }
  }
  return undefined
}
