import { CountedHistogram } from '@mlp/service-kit/counted-histogram'
import { Counter, Gauge, type Registry } from 'prom-client'
import { RequestRefused } from './errors.ts'
import type { BatcherOptions } from './inference/batcher.ts'
import type { ModelStore, ServedVersion } from './repository/model-store.ts'

export interface InferenceMetrics {
  answered(version: ServedVersion): void
  refused(error: unknown): void
  /** What a version reports its runs to. */
  onBatch(name: string, version: string): NonNullable<BatcherOptions['onBatch']>
  /** From now on the number of waiting requests and of ready versions is read from the store. */
  watch(store: ModelStore): void
}

/** What there is to know of the models, beside the kit's metrics of HTTP. */
export function createInferenceMetrics(registry: Registry): InferenceMetrics {
  const labelNames = ['model', 'version'] as const
  const registers = [registry]
  const answers = createTallies()
  new Counter({
    name: 'model_inferences_total',
    help: 'Requests answered with a result.',
    labelNames,
    registers,
    collect() {
      answers.show(this)
    },
  })
  const refusals = new Counter({
    name: 'model_refusals_total',
    help: 'Requests not answered with a result, by the kind of the problem.',
    labelNames: ['reason'],
    registers,
  })
  const duration = new CountedHistogram({
    name: 'model_run_duration_seconds',
    help: 'One run of the model, whatever its rows, in seconds.',
    labelNames,
    buckets: [
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
      10,
    ],
    registers,
  })
  const requests = new CountedHistogram({
    name: 'model_batch_requests',
    help: 'Requests that one run answered.',
    labelNames,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  })
  const rows = createTallies()
  new Counter({
    name: 'model_rows_total',
    help: 'Rows (first dimension) that the model was run on.',
    labelNames,
    registers,
    collect() {
      rows.show(this)
    },
  })
  const answersOf = new WeakMap<ServedVersion, Tally>()
  return {
    answered(served) {
      let tally = answersOf.get(served)
      if (tally === undefined) {
        tally = answers.of(served.name, served.version)
        answersOf.set(served, tally)
      }
      tally.count++
    },
    refused: error =>
      refusals.inc({ reason: error instanceof RequestRefused ? error.reason : 'internal-error' }),
    onBatch(model, version) {
      const durationOf = duration.child({ model, version })
      const requestsOf = requests.child({ model, version })
      const rowsOf = rows.of(model, version)
      return (requestCount, rowCount, tookMs) => {
        durationOf.observe(tookMs / 1000)
        requestsOf.observe(requestCount)
        rowsOf.count += rowCount
      }
    },
    watch(store) {
      new Gauge({
        name: 'model_queued_requests',
        help: 'Requests that wait for the model.',
        labelNames,
        registers,
        collect() {
          this.reset()
          for (const { name, version, model } of store.served()) {
            this.set({ model: name, version }, model.queued())
          }
        },
      })
    },
  }
}

interface Tally {
  readonly labels: { readonly model: string; readonly version: string }
  count: number
}

/** Counts by version. Where prom-client counts for each request, hashing labels costs more than the rest. */
function createTallies() {
  const tallies = new Map<string, Tally>()
  return {
    of(model: string, version: string): Tally {
      const key = JSON.stringify([model, version])
      const tally = tallies.get(key) ?? { labels: { model, version }, count: 0 }
      tallies.set(key, tally)
      return tally
    },
    show(counter: Counter<'model' | 'version'>): void {
      counter.reset()
      for (const { labels, count } of tallies.values()) if (count > 0) counter.inc({ ...labels }, count)
    },
  }
}
