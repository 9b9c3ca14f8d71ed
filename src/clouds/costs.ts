import type { CostLine } from './cost-line.ts'

/** A year's hours by twelve: what the clouds' own calculators take for a month. */
export const hoursAMonth = 730
export const daysAMonth = hoursAMonth / 24

/** One price of a price list. */
export interface Rate {
  readonly amount: number
  readonly currency: string
  /** As the list says it: 'Hrs', 'GiBy.mo', '1 GB/Month'. */
  readonly unit: string
  readonly source: string
  readonly since: string
}

/** What is asked of a price list for one line: so many units of the price that `query` finds, for each part. */
export interface Billed<Query> extends Omit<CostLine, 'cost'> {
  readonly parts: readonly Part<Query>[]
  /** What the unit is in words, where use decides: no sum is made of it. */
  readonly byUse?: string
}

interface Part<Query> {
  readonly query: Query
  readonly quantity: number
  /** Where it grows by itself: at most so many. */
  readonly most?: number
}

/** What each thing comes to. Each query is asked once, all of them side by side; rejects as `rateOf` does. */
export async function costsOf<Query>(
  things: readonly Billed<Query>[],
  rateOf: (query: Query) => Promise<Rate | undefined>,
): Promise<readonly CostLine[]> {
  const asked = new Map<string, Promise<Rate | undefined>>()
  const ask = (query: Query) => {
    const key = JSON.stringify(query)
    const known = asked.get(key) ?? rateOf(query)
    asked.set(key, known)
    return known
  }
  return Promise.all(
    things.map(async ({ parts, byUse, ...line }) => {
      const found = await Promise.all(
        parts.map(async ({ query, quantity, most = quantity }) => ({
          quantity,
          most,
          rate: await ask(query),
        })),
      )
      return { ...line, cost: byUse === undefined ? monthly(found) : use(found[0]?.rate, byUse) }
    }),
  )
}

function use(rate: Rate | undefined, per: string): CostLine['cost'] {
  return {
    kind: 'by-use',
    rate: rate === undefined ? null : { amount: rate.amount, currency: rate.currency },
    per,
  }
}

interface Found {
  readonly quantity: number
  readonly most: number
  readonly rate: Rate | undefined
}

function monthly(parts: readonly Found[]): CostLine['cost'] {
  let amount = 0
  let largest = 0
  let first: Rate | undefined
  for (const { quantity, most, rate } of parts) {
    if (rate === undefined) return unknown('the price list does not name it')
    // What a list has at nothing is a free allowance or a placeholder: a bill would surprise.
    if (rate.amount === 0) return unknown('the price list has it at 0')
    const times = timesAMonth(rate.unit)
    if (times === undefined) return unknown(`the price list has it by '${rate.unit}', which is no time`)
    first ??= rate
    if (first.currency !== rate.currency)
      return unknown(`its parts are priced in ${first.currency} and ${rate.currency}`)
    amount += quantity * rate.amount * times
    largest += most * rate.amount * times
  }
  if (first === undefined) throw new Error('a line has at least one part')
  const { currency, source, since } = first
  return { kind: 'monthly', amount, most: largest, currency, source, since }
}

function unknown(why: string): CostLine['cost'] {
  return { kind: 'unknown', why }
}

/** How often a month has the unit, as each list spells it; undefined for a unit that is no matter of time. */
export function timesAMonth(unit: string): number | undefined {
  // 'GiBy.h' and 'GB-Mo' are amounts over a time: only the time counts here, the quantity is in these amounts.
  const [, count = '1', words = ''] = /^(\d*)\s*(.*)$/.exec(unit.trim().toLowerCase()) ?? []
  const per = 1 / Number(count === '' ? 1 : count)
  const last = words.split(/[./\s-]+/).at(-1) ?? ''
  if (/^(h|hrs?|hours?)$/.test(last)) return per * hoursAMonth
  if (/^(d|days?)$/.test(last)) return per * daysAMonth
  if (/^(mo|months?)$/.test(last)) return per
  // Sold by the piece, which is billed once a month: a key, a secret, a zone.
  if (/^(|keys?|secrets?|count|each|zones?)$/.test(last)) return per
  return undefined
}
