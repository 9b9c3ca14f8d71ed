import { CloudError } from '../../../behaviour.ts'
import { listDate, madeUpId } from '../../../prices.ts'
import { integer, objects, text } from '../attributes.ts'
import { type ListedProduct, priceList, spotPrice } from '../price-list.ts'
import { sha256 } from '../sigv4.ts'
import { zonesOf } from '../zones.ts'
import { items, type XmlValue } from './answer.ts'
import type { Operation } from './operation.ts'

/** https://docs.aws.amazon.com/cur/latest/userguide/cur-data-transfers-charges.html#pricing-region-codes */
const abbreviations: Readonly<Record<string, string>> = {
  'us-east-1': '',
  'us-east-2': 'USE2-',
  'us-west-1': 'USW1-',
  'us-west-2': 'USW2-',
  'eu-west-1': 'EU-',
  'eu-west-2': 'EUW2-',
  'eu-central-1': 'EUC1-',
  'ap-southeast-1': 'APS1-',
  'ap-northeast-1': 'APN1-',
}
/** The code that stands for on-demand offers. */
const onDemand = 'JRTCKXETXF'
const largestPage = 100

/** https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html */
export const pricingOperations: Readonly<Record<string, Operation>> = {
  GetProducts: input => {
    const service = text(input, 'ServiceCode')
    if (service === undefined) throw new CloudError('InvalidParameterException', 'ServiceCode is required')
    const filters = objects(input, 'Filters').map(filter => ({
      type: text(filter, 'Type'),
      field: text(filter, 'Field') ?? '',
      value: text(filter, 'Value') ?? '',
    }))
    if (filters.some(({ type }) => type !== 'TERM_MATCH' && type !== 'CONTAINS'))
      throw new CloudError(
        'InvalidParameterException',
        'The sandbox filters by TERM_MATCH and CONTAINS only.',
      )
    const region = filters.find(({ field }) => field === 'regionCode')?.value ?? 'us-east-1'
    const found = products(region).filter(
      ({ serviceCode, product }) =>
        serviceCode === service &&
        filters.every(({ type, field, value }) => {
          const found = field === 'productFamily' ? product.productFamily : product.attributes[field]
          return type === 'CONTAINS' ? found?.includes(value) === true : found === value
        }),
    )
    const size = integer(input, 'MaxResults') ?? largestPage
    const start = Number(text(input, 'NextToken') ?? 0)
    if (!Number.isInteger(start))
      throw new CloudError('InvalidNextTokenException', 'The pagination token is invalid.')
    const end = start + Math.min(size, largestPage)
    return {
      FormatVersion: 'aws_v1',
      PriceList: found.slice(start, end).map(product => JSON.stringify(product)),
      ...(end < found.length ? { NextToken: String(end) } : {}),
    }
  },
}

/** Each product once, its tiers together. */
function products(region: string) {
  const same = Map.groupBy(priceList, ({ service, usage, attributes }) =>
    JSON.stringify([service, usage, attributes]),
  )
  return [...same].map(([key, tiers]) => show(tiers, region, sha256(key)))
}

/** https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html */
function show(tiers: readonly ListedProduct[], region: string, digest: string) {
  const [{ service, family, usage, attributes } = { service: '', family: '', usage: '', attributes: {} }] =
    tiers
  const sku = madeUpId(digest, [16])
  const usagetype = `${service === 'awskms' ? `${region}-` : (abbreviations[region] ?? '')}${usage}`
  const bounds = tiers.map(({ from = 0 }) => from)
  const dimensions = tiers.map(({ unit, usd, from = 0 }, index) => {
    const rateCode = `${sku}.${onDemand}.${madeUpId(digest.slice(16 + index * 4), [10])}`
    const dimension = {
      unit,
      beginRange: String(from),
      endRange: bounds[index + 1] === undefined ? 'Inf' : String(bounds[index + 1]),
      description: `$${usd} per ${unit} (simulated)`,
      appliesTo: [],
      rateCode,
      pricePerUnit: { USD: usd.toFixed(10) },
    }
    return [rateCode, dimension] as const
  })
  const offer = {
    sku,
    offerTermCode: onDemand,
    effectiveDate: `${listDate.slice(0, 8)}01T00:00:00Z`,
    termAttributes: {},
    priceDimensions: Object.fromEntries(dimensions),
  }
  const shown: Readonly<Record<string, string>> = {
    servicecode: service,
    regionCode: region,
    locationType: 'AWS Region',
    usagetype,
    ...attributes,
  }
  return {
    product: { ...(family === undefined ? {} : { productFamily: family }), attributes: shown, sku },
    serviceCode: service,
    terms: { OnDemand: { [`${sku}.${onDemand}`]: offer } },
    version: `${listDate.replaceAll('-', '')}000000`,
    publicationDate: `${listDate}T00:00:00Z`,
  }
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSpotPriceHistory.html */
export function describeSpotPriceHistory(
  input: URLSearchParams,
  { region }: { readonly region: string },
): { readonly [name: string]: XmlValue } {
  const types = [...input]
    .filter(([key]) => /^Filter\.\d+\.Name$/.test(key))
    .flatMap(([key, name]) => (name === 'instance-type' ? [key.replace(/Name$/, 'Value.')] : []))
    .flatMap(prefix => [...input].filter(([key]) => key.startsWith(prefix)).map(([, value]) => value))
  const rows = types.flatMap(type => {
    const usd = spotPrice(type)
    if (usd === undefined) return []
    return zonesOf(region).map(({ name: availabilityZone }, index) => ({
      instanceType: type,
      productDescription: 'Linux/UNIX',
      spotPrice: (usd * (1 + index / 50)).toFixed(6),
      timestamp: `${listDate}T00:00:00.000Z`,
      availabilityZone,
    }))
  })
  return { spotPriceHistorySet: items(rows) }
}
