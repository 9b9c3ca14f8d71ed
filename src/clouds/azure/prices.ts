import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { CostLine } from '../cost-line.ts'
import { costsOf, type Rate } from '../costs.ts'
import { fetchPatiently } from '../patient-fetch.ts'
import { billed } from './billed.ts'
import { refusalError, unexpectedAnswerError, unreachableError } from './errors.ts'
import type { Meter } from './meter.ts'
import type { AzurePlatform } from './platform.ts'

const publicEndpoint = 'https://prices.azure.com'
/** From this version on, the list compares with regard to case. */
const apiVersion = '2023-01-01-preview'
/** 100 meters a page; the widest question (all offers of one machine size) has a dozen. */
const pageLimit = 10

/** What does not apply to a meter is empty, null or missing. */
const words = z
  .string()
  .nullish()
  .transform(text => text ?? '')
const item = z.object({
  currencyCode: z.string(),
  retailPrice: z.number(),
  tierMinimumUnits: z.number().default(0),
  armRegionName: words,
  location: words,
  effectiveStartDate: words,
  productName: words,
  skuName: words,
  unitOfMeasure: z.string(),
  type: z.string().optional(),
})
type Item = z.output<typeof item>
const page = z.object({ Items: z.array(item), NextPageLink: z.string().nullish() })

/**
 * What the platform costs on Azure, by the public list of retail prices, which asks for no credentials.
 * https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
 */
export function prices(platform: AzurePlatform, signal: AbortSignal): Promise<readonly CostLine[]> {
  return costsOf(billed(platform.options.config), meter => rateOf(platform, meter, signal))
}

async function rateOf(platform: AzurePlatform, meter: Meter, signal: AbortSignal): Promise<Rate | undefined> {
  const found = (await itemsOf(platform, meter, signal)).filter(each => fits(each, meter))
  const here = found.filter(({ armRegionName }) => armRegionName === platform.location)
  const chosen = here.length > 0 || meter.isWorldwide !== true ? here : found.filter(isWorldwide)
  // The first tier that costs anything: behind a free allowance, before a discount.
  const [first] = chosen
    .filter(({ retailPrice }) => retailPrice > 0)
    .sort((a, b) => a.tierMinimumUnits - b.tierMinimumUnits)
  if (first === undefined) return undefined
  return {
    amount: first.retailPrice,
    currency: first.currencyCode,
    unit: first.unitOfMeasure,
    source: 'Azure Retail Prices',
    since: first.effectiveStartDate.slice(0, 10),
  }
}

/** The list has machines with Windows, and interruptible ones, under the same name. */
function fits({ type, productName, skuName }: Item, { spot, productPattern }: Meter): boolean {
  if (type !== undefined && type !== 'Consumption') return false
  if (productPattern !== undefined && !new RegExp(productPattern).test(productName)) return false
  if (spot === undefined) return true
  return !/Windows$/.test(productName) && !/Low Priority$/.test(skuName) && /Spot$/.test(skuName) === spot
}

function isWorldwide({ armRegionName, location }: Item): boolean {
  return /^(|Global)$/i.test(armRegionName) || /^(Global|Zone 1)$/.test(location)
}

async function itemsOf(platform: AzurePlatform, meter: Meter, signal: AbortSignal): Promise<readonly Item[]> {
  const endpoint = platform.options.target.endpoints['prices'] ?? publicEndpoint
  const { spot: _spot, productPattern: _pattern, isWorldwide: worldwide, ...names } = meter
  const wanted = { ...names, ...(worldwide === true ? {} : { armRegionName: platform.location }) }
  const filter = [...Object.entries(wanted), ['priceType', 'Consumption'] as const]
    .map(([name, value]) => `${name} eq '${value.replaceAll("'", "''")}'`)
    .join(' and ')
  let url = new URL('/api/retail/prices', endpoint)
  url.searchParams.set('api-version', apiVersion)
  url.searchParams.set('currencyCode', "'USD'")
  url.searchParams.set('$filter', filter)
  const request = `GET ${url.origin}${url.pathname}?$filter=${filter}`
  const items: Item[] = []
  for (let count = 0; count < pageLimit; count++) {
    const answer = await ask(url, request, signal)
    items.push(...answer.Items)
    const next = answer.NextPageLink ?? ''
    if (next === '') return items
    // Only what it asks is taken over: the list is not to send us elsewhere.
    const search = URL.parse(next, url.href)?.search
    if (search === undefined) throw unexpectedAnswerError(request, `a next page at '${next}'`)
    url = new URL(`/api/retail/prices${search}`, endpoint)
  }
  throw unexpectedAnswerError(request, `more than ${pageLimit} pages of prices`)
}

async function ask(url: URL, request: string, signal: AbortSignal): Promise<z.output<typeof page>> {
  const answer = await fetchPatiently(
    async () => ({ url, init: { headers: { accept: 'application/json' } } }),
    signal,
  ).catch((error: unknown) => {
    signal.throwIfAborted()
    throw unreachableError(request, reasonOf(error))
  })
  if (answer.status !== 200) throw refusalError({ ...answer, request })
  const parsed = page.safeParse(parseJson(answer.body))
  if (!parsed.success) throw unexpectedAnswerError(request, z.prettifyError(parsed.error))
  return parsed.data
}

/** fetch hides it one level down. */
function reasonOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  return error.cause instanceof Error ? error.cause : error
}
