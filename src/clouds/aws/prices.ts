import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import { parseJson } from '../../engine/json.ts'
import type { CostLine } from '../cost-line.ts'
import { costsOf, type Rate } from '../costs.ts'
import { billed, type Product } from './billed.ts'
import { callJson, globalRegion } from './json-call.ts'
import { type AwsPlatform, ask } from './platform.ts'

/** One region answers for all: https://docs.aws.amazon.com/general/latest/gr/billing.html#pls */
const priceList = {
  name: 'pricing',
  host: `api.pricing.${globalRegion}.amazonaws.com`,
  target: 'AWSPriceListService',
} as const
/** 100 products a page; no question here has more than a page in any region. */
const pageLimit = 10

const page = z.object({ PriceList: z.array(z.string()).default([]), NextToken: z.string().optional() })
const dimension = z.object({
  unit: z.string(),
  beginRange: z.string().default('0'),
  pricePerUnit: z.record(z.string(), z.string()),
})
const product = z.object({
  product: z.object({ attributes: z.record(z.string(), z.string()).default({}) }),
  // What is sold on reservation only, or free of charge, has no on-demand terms.
  terms: z.object({
    OnDemand: z
      .record(z.string(), z.object({ priceDimensions: z.record(z.string(), dimension) }))
      .default({}),
  }),
  publicationDate: z.string().default(''),
})

/**
 * What the platform costs on AWS: on-demand prices of the Price List Query API, and EC2's own for spot machines.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
 */
export function prices(platform: AwsPlatform, signal: AbortSignal): Promise<readonly CostLine[]> {
  return costsOf(billed(platform.config), query =>
    query.kind === 'spot' ? spotRate(platform, query.type, signal) : listedRate(platform, query, signal),
  )
}

async function listedRate(
  platform: AwsPlatform,
  { service, attributes, usage }: Extract<Product, { kind: 'listed' }>,
  signal: AbortSignal,
): Promise<Rate | undefined> {
  const exactly = { ...attributes, regionCode: platform.aws.region }
  const filters = [
    ...Object.entries(exactly).map(([Field, Value]) => ({ Type: 'TERM_MATCH', Field, Value })),
    // Some services have a product for each type of machine: only what the usage names is asked for.
    // https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_Filter.html
    ...(usage === undefined ? [] : [{ Type: 'CONTAINS', Field: 'usagetype', Value: usage }]),
  ]
  const found = await productsOf(platform, service, filters, signal)
  const [first] = found
    .filter(each => isUsage(each.product.attributes['usagetype'] ?? '', usage))
    .flatMap(({ terms, publicationDate }) =>
      Object.values(terms.OnDemand)
        .flatMap(({ priceDimensions }) => Object.values(priceDimensions))
        .map(({ unit, beginRange, pricePerUnit }) => ({ unit, beginRange, pricePerUnit, publicationDate })),
    )
    .flatMap(({ pricePerUnit, ...rest }) => {
      const [currency, amount] = Object.entries(pricePerUnit)[0] ?? []
      // The first tier that costs anything: behind a free allowance, before a discount.
      return currency === undefined || !(Number(amount) > 0)
        ? []
        : [{ ...rest, currency, amount: Number(amount) }]
    })
    .sort((a, b) => Number(a.beginRange) - Number(b.beginRange))
  if (first === undefined) return undefined
  return {
    amount: first.amount,
    currency: first.currency,
    unit: first.unit,
    source: 'AWS Price List',
    since: first.publicationDate.slice(0, 10),
  }
}

/** 'USE1-NatGateway-Hours', 'us-east-1-KMS-Keys' or bare; never 'USE1-ExtendedSupportYr3-NodeUsage:cache.t4g.small'. */
function isUsage(usageType: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true
  const before = usageType.slice(0, -wanted.length)
  return usageType.endsWith(wanted) && /^([A-Z]{2,4}\d?-|[a-z]{2}(-[a-z]+)+-\d-)?$/.test(before)
}

async function productsOf(
  platform: AwsPlatform,
  service: string,
  filters: readonly object[],
  signal: AbortSignal,
): Promise<readonly z.output<typeof product>[]> {
  const what = `asking for prices of ${service}`
  const found: z.output<typeof product>[] = []
  let token: string | undefined
  for (let count = 0; count < pageLimit; count++) {
    const answer = await getProducts(
      platform,
      {
        ServiceCode: service,
        FormatVersion: 'aws_v1',
        Filters: filters,
        ...(token === undefined ? {} : { NextToken: token }),
      },
      what,
      signal,
    )
    // Each product is a JSON document in a string.
    found.push(...answer.PriceList.map(text => parsed(product, text, what)))
    token = answer.NextToken
    if (token === undefined || token === '') return found
  }
  throw unexpected(what, `more than ${pageLimit} pages of products`)
}

async function getProducts(
  platform: AwsPlatform,
  input: object,
  what: string,
  signal: AbortSignal,
): Promise<z.output<typeof page>> {
  return parsed(
    page,
    await ask(what, () => callJson(platform, priceList, 'GetProducts', input, signal)),
    what,
  )
}

/** What EC2 asks at this moment, in the dearest zone: nodes go to any. */
async function spotRate(
  platform: AwsPlatform,
  type: string,
  abortSignal: AbortSignal,
): Promise<Rate | undefined> {
  const [ec2, { DescribeSpotPriceHistoryCommand }] = await Promise.all([
    platform.clients.ec2(),
    import('@aws-sdk/client-ec2'),
  ])
  // A type of any name is asked for by filter: as a parameter it would have to be one that this SDK knows.
  const Filters = [
    { Name: 'instance-type', Values: [type] },
    { Name: 'product-description', Values: ['Linux/UNIX'] },
  ]
  const answer = await ask(`asking for the spot price of ${type}`, () =>
    ec2.send(new DescribeSpotPriceHistoryCommand({ Filters, StartTime: new Date() }), { abortSignal }),
  )
  const amounts = (answer.SpotPriceHistory ?? []).map(({ SpotPrice }) => Number(SpotPrice))
  const amount = Math.max(...amounts.filter(each => each > 0), 0)
  if (amount === 0) return undefined
  const since = new Date().toISOString().slice(0, 10)
  return { amount, currency: 'USD', unit: 'Hrs', source: 'EC2 spot prices', since }
}

function parsed<Schema extends z.ZodType>(schema: Schema, text: string, what: string): z.output<Schema> {
  const result = schema.safeParse(parseJson(text))
  if (result.success) return result.data
  throw unexpected(what, z.prettifyError(result.error))
}

function unexpected(what: string, problem: string): MlpError {
  return new MlpError({
    code: 'MLP3007',
    summary: `AWS answered something unexpected, while ${what}`,
    detail: problem,
    remedy: ['Run the same command again; if it stays, report it with the run log.'],
  })
}
