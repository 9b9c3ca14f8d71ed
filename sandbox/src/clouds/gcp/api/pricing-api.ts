import { createHash } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import { listDate, madeUpId } from '../../../prices.ts'
import { type ListedSku, priceList } from '../price-list.ts'
import { notFound, type Route } from './routing.ts'

/** https://cloud.google.com/compute/docs/regions-zones */
const regions = [
  ...['africa-south1', 'asia-east1', 'asia-east2', 'asia-northeast1', 'asia-northeast2', 'asia-northeast3'],
  ...['asia-south1', 'asia-south2', 'asia-southeast1', 'asia-southeast2', 'australia-southeast1'],
  ...['australia-southeast2', 'europe-central2', 'europe-north1', 'europe-southwest1', 'europe-west1'],
  ...['europe-west2', 'europe-west3', 'europe-west4', 'europe-west6', 'europe-west8', 'europe-west9'],
  ...['europe-west10', 'europe-west12', 'me-central1', 'me-central2', 'me-west1'],
  ...['northamerica-northeast1', 'northamerica-northeast2', 'southamerica-east1', 'southamerica-west1'],
  ...['us-central1', 'us-east1', 'us-east4', 'us-east5', 'us-south1', 'us-west1', 'us-west2', 'us-west3'],
  'us-west4',
]
const largestPage = 5000

/** https://cloud.google.com/billing/docs/reference/rest/v1/services */
export const pricingRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/services',
    run: ({ query }) => {
      const names = [...new Set(priceList.map(({ service }) => service))]
      return page(query, 'services', names.map(service))
    },
  },
  {
    method: 'GET',
    path: '/v1/services/{service}/skus',
    run({ params, query }) {
      const currency = query.get('currencyCode') ?? 'USD'
      if (currency !== 'USD')
        throw new CloudError('invalidArgument', `The sandbox knows no prices in ${currency}.`)
      const found = priceList.filter(({ service: name }) => idOf(name) === params['service'])
      if (found.length === 0) throw notFound(`Service ${params['service']}`)
      return page(query, 'skus', found.map(show))
    },
  },
]

function page(query: URLSearchParams, field: string, all: readonly object[]): object {
  const size = Math.min(Number(query.get('pageSize') ?? largestPage), largestPage)
  const start = Number(query.get('pageToken') || 0)
  if (!Number.isInteger(start) || !(size > 0))
    throw new CloudError('invalidArgument', 'Request contains an invalid argument.')
  const end = start + size
  return { [field]: all.slice(start, end), nextPageToken: end < all.length ? String(end) : '' }
}

function idOf(name: string): string {
  return madeUpId(createHash('sha256').update(name).digest('hex'), [4, 4, 4])
}

function service(name: string): object {
  return {
    name: `services/${idOf(name)}`,
    serviceId: idOf(name),
    displayName: name,
    businessEntityName: 'businessEntities/GCP',
  }
}

function show(sku: ListedSku): object {
  const skuId = idOf(`${sku.service} ${sku.description}`)
  return {
    name: `services/${idOf(sku.service)}/skus/${skuId}`,
    skuId,
    description: sku.description,
    category: {
      serviceDisplayName: sku.service,
      resourceFamily: sku.family,
      resourceGroup: sku.group,
      usageType: sku.usage,
    },
    serviceRegions: sku.isGlobal === true ? ['global'] : regions,
    pricingInfo: [
      {
        summary: '',
        effectiveTime: `${listDate}T00:00:00Z`,
        currencyConversionRate: 1,
        pricingExpression: {
          usageUnit: sku.unit,
          displayQuantity: 1,
          tieredRates: sku.tiers.map(([startUsageAmount, usd]) => ({
            startUsageAmount,
            unitPrice: {
              currencyCode: 'USD',
              units: String(Math.floor(usd)),
              nanos: Math.round((usd % 1) * 1e9),
            },
          })),
        },
      },
    ],
    serviceProviderName: 'Google',
  }
}
