import { Histogram } from 'prom-client'

type Metric = Awaited<ReturnType<Histogram['get']>>

/** Observations under one set of labels. */
export interface Observations {
  observe(value: number): void
}

interface Child {
  readonly labels: Readonly<Record<string, string>>
  /** By bucket, then what is above all of them, then the sum. */
  readonly counts: Float64Array
}

/**
 * prom-client's histogram, counted in an array for each set of labels: prom-client makes objects and hashes labels anew
 * for each observation, and a service makes several for every request. Only what is observed by `child` counts.
 */
export class CountedHistogram extends Histogram {
  readonly #name: string
  readonly #bounds: readonly number[]
  readonly #children = new Map<string, Child>()

  constructor(
    configuration: Omit<ConstructorParameters<typeof Histogram>[0], 'buckets'> & {
      readonly buckets: number[]
    },
  ) {
    super(configuration)
    this.#name = configuration.name
    this.#bounds = configuration.buckets
  }

  /** To be kept: looking it up is what is avoided. */
  child(labels: Readonly<Record<string, string>>): Observations {
    const bounds = this.#bounds
    const key = JSON.stringify(labels)
    const child = this.#children.get(key) ?? { labels, counts: new Float64Array(bounds.length + 2) }
    this.#children.set(key, child)
    const { counts } = child
    const sumAt = bounds.length + 1
    return {
      observe(value) {
        let bucket = 0
        while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++
        counts[bucket] = (counts[bucket] ?? 0) + 1
        counts[sumAt] = (counts[sumAt] ?? 0) + value
      },
    }
  }

  /** Under this name the registry asks for what it writes. */
  async getForPromString(): Promise<Metric> {
    return { ...Object(this), values: [...this.#children.values()].flatMap(child => this.#values(child)) }
  }

  #values({ labels, counts }: Child): Metric['values'] {
    let count = 0
    const buckets = [...this.#bounds, '+Inf'].map((le, bucket) => {
      count += counts[bucket] ?? 0
      return { labels: { le, ...labels }, value: count, metricName: `${this.#name}_bucket` }
    })
    return [
      ...buckets,
      { labels, value: counts.at(-1) ?? 0, metricName: `${this.#name}_sum` },
      { labels, value: count, metricName: `${this.#name}_count` },
    ]
  }
}
