/** One meter of the retail price list; what is left out is any. Names are compared as the list spells them. */
export interface Meter {
  readonly serviceName: string
  readonly productName?: string
  /** Where the list spells one product in two ways. */
  readonly productPattern?: string
  readonly skuName?: string
  readonly armSkuName?: string
  readonly meterName?: string
  /** Spot machines share all names with the others but this. */
  readonly spot?: boolean
  /** Sold at one price everywhere, or by zones of the world instead of by region. */
  readonly isWorldwide?: true
}
