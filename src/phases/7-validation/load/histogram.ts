/** What the gateway says of itself: its histogram of a route's durations, of all replicas together. */
export interface Histogram {
  readonly count: number
  /** Upper bounds in seconds, with how many were at most that. */
  readonly buckets: ReadonlyMap<number, number>
}

const name = 'http_server_request_duration_seconds'
const line = new RegExp(`^${name}_(bucket|count)\\{([^}]*)\\} (\\S+)$`, 'gm')

/** Of inferences only. */
export function readHistogram(metrics: string): Histogram {
  let count = 0
  const buckets = new Map<number, number>()
  for (const [, kind, labels = '', value] of metrics.matchAll(line)) {
    if (!/http_route="[^"]*\/infer"/.test(labels)) continue
    if (kind === 'count') count += Number(value)
    const bound = /le="([^"]+)"/.exec(labels)?.[1]
    if (kind !== 'bucket' || bound === undefined) continue
    const upTo = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound)
    buckets.set(upTo, (buckets.get(upTo) ?? 0) + Number(value))
  }
  return { count, buckets }
}

export function sum(histograms: readonly Histogram[]): Histogram {
  const buckets = new Map<number, number>()
  for (const each of histograms)
    for (const [bound, count] of each.buckets) buckets.set(bound, (buckets.get(bound) ?? 0) + count)
  return { count: histograms.reduce((total, { count }) => total + count, 0), buckets }
}

/** What came between two looks. */
export function since(before: Histogram, after: Histogram): Histogram {
  return {
    count: after.count - before.count,
    buckets: new Map(
      [...after.buckets].map(([bound, count]) => [bound, count - (before.buckets.get(bound) ?? 0)]),
    ),
  }
}

/** In milliseconds, as Prometheus' histogram_quantile has it: evenly spread within a bucket. */
export function quantileMs({ count, buckets }: Histogram, quantile: number): number | undefined {
  const rank = quantile * count
  let lower = 0
  let below = 0
  for (const [bound, upTo] of [...buckets].sort(([one], [other]) => one - other)) {
    if (upTo >= rank && upTo > below) {
      if (bound === Number.POSITIVE_INFINITY) return lower * 1000
      return (lower + ((bound - lower) * (rank - below)) / (upTo - below)) * 1000
    }
    lower = bound
    below = upTo
  }
  return undefined
}
