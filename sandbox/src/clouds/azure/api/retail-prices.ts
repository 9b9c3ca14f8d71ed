import { createHash } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import { listDate } from '../../../prices.ts'
import type { World } from '../../../world.ts'
import { type ListedMeter, priceList } from '../price-list.ts'
import type { ArmRequest, ArmResponse } from './exchange.ts'

export const retailPricesPath = '/api/retail/prices'
const pageSize = 100

/** The public price list, for anybody: https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices */
export function retailPrices({ query }: ArmRequest, world: World): ArmResponse {
  const currency = (query.get('currencyCode') ?? 'USD').replaceAll("'", '')
  if (currency !== 'USD')
    throw new CloudError('BadRequest', `The sandbox knows no prices in ${currency}.`, 400)
  const wanted = conditions(query.get('$filter') ?? '')
  const region = wanted.find(([name]) => name === 'armRegionName')?.[1] ?? 'eastus'
  const found = priceList
    .flatMap(meter => meter.tiers.map(([from, usd]) => item(meter, from, usd, region)))
    .filter(each => wanted.every(([name, value]) => each[name === 'priceType' ? 'type' : name] === value))
  const start = Number(query.get('$skip') ?? 0)
  const next = new URLSearchParams(query)
  next.set('$skip', String(start + pageSize))
  const items = found.slice(start, start + pageSize)
  return {
    status: 200,
    body: {
      BillingCurrency: currency,
      CustomerEntityId: 'Default',
      CustomerEntityType: 'Retail',
      Items: items,
      NextPageLink:
        start + pageSize < found.length ? `${world.endpoints.azure}${retailPricesPath}?${next}` : null,
      Count: items.length,
    },
  }
}

/** As much of OData as clients of this list send: `name eq 'value'`, joined by `and`. */
function conditions(filter: string): readonly (readonly [name: string, value: string])[] {
  if (filter.trim() === '') return []
  return filter.split(/ and (?=\w+ eq )/).map(part => {
    const [, name, value] = /^\s*(\w+) eq '((?:[^']|'')*)'\s*$/.exec(part) ?? []
    if (name === undefined || value === undefined)
      throw new CloudError('BadRequest', `The query specified in the URI is not valid: ${part}`, 400)
    return [name, value.replaceAll("''", "'")] as const
  })
}

function item(
  meter: ListedMeter,
  tierMinimumUnits: number,
  usd: number,
  region: string,
): Readonly<Record<string, string | number | boolean>> {
  const id = createHash('sha256').update(`${meter.product} ${meter.sku} ${meter.meter}`).digest('hex')
  const { armRegionName, location } = meter.place ?? { armRegionName: region, location: region }
  return {
    currencyCode: 'USD',
    tierMinimumUnits,
    retailPrice: usd,
    unitPrice: usd,
    armRegionName,
    location,
    effectiveStartDate: `${listDate}T00:00:00Z`,
    meterId: [8, 4, 4, 4, 12].map((length, at) => id.slice(at * 12, at * 12 + length)).join('-'),
    meterName: meter.meter,
    productId: `DZH${id.slice(0, 9).toUpperCase()}`,
    skuId: `DZH${id.slice(0, 9).toUpperCase()}/${id.slice(9, 13).toUpperCase()}`,
    productName: meter.product,
    skuName: meter.sku,
    serviceName: meter.service,
    serviceId: `DZH${id.slice(20, 29).toUpperCase()}`,
    serviceFamily: meter.family,
    unitOfMeasure: meter.unit,
    type: 'Consumption',
    isPrimaryMeterRegion: true,
    armSkuName: meter.armSku,
  }
}
