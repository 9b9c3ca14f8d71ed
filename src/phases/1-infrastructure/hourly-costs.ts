import type { Cloud } from '../../clouds/cloud.ts'
import type { CostLine } from '../../clouds/cost-line.ts'
import { hoursAMonth } from '../../clouds/costs.ts'
import { MlpError } from '../../engine/errors.ts'

/** A leftover is told, priced or not: a list that does not answer holds nobody up. */
const patienceMs = 30_000

/**
 * What one thing of a type costs an hour, in words, by what the platform's own things of that type cost by the cloud's
 * list: one that is left may be larger. Asks once; an interrupt rejects.
 */
export async function hourlyCosts(
  cloud: Pick<Cloud, 'prices'>,
  signal: AbortSignal,
): Promise<(type: string) => string> {
  try {
    const lines = await cloud.prices(AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]))
    return type => describe(type, lines)
  } catch (error) {
    signal.throwIfAborted()
    const why = error instanceof MlpError ? error.message : 'the price list gave no answer'
    return () => `what it costs is not known: ${why}`
  }
}

function describe(type: string, lines: readonly CostLine[]): string {
  const own = lines.filter(({ address }) => address.startsWith(`${type}.`))
  const monthly = own.flatMap(({ cost, instances }) =>
    cost.kind === 'monthly' && instances > 0 ? [{ ...cost, each: cost.amount / instances }] : [],
  )
  const [dearest] = monthly.toSorted((left, right) => right.each - left.each)
  if (dearest !== undefined) {
    const hourly = (dearest.each / hoursAMonth).toFixed(4)
    return `about ${hourly} ${dearest.currency} an hour (${dearest.source})`
  }
  const byUse = own.map(({ cost }) => cost).find(cost => cost.kind === 'by-use')
  if (byUse !== undefined) return `costs by use, ${byUse.per}`
  return 'what it costs an hour is not known'
}
