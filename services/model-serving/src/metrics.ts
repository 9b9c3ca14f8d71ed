import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
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
  const answers = new Counter({
    name: 'model_inferences_total',
    help: 'Requests answered with a result.',
    labelNames,
    registers,
  })
  const refusals = new Counter({
    name: 'model_refusals_total',
    help: 'Requests not answered with a result, by the kind of the problem.',
    labelNames: ['reason'],
    registers,
  })
  const duration = new Histogram({
    name: 'model_run_duration_seconds',
    help: 'One run of the model, whatever its rows, in seconds.',
    labelNames,
    buckets: [
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
      10,
    ],
    registers,
  })
  const requests = new Histogram({
    name: 'model_batch_requests',
    help: 'Requests that one run answered.',
    labelNames,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    registers,
  })
  const rows = new Counter({
    name: 'model_rows_total',
    help: 'Rows (first dimension) that the model was run on.',
    labelNames,
    registers,
  })
  // Hashing labels anew for each request costs more than counting.
  const answersOf = new WeakMap<ServedVersion, ReturnType<typeof answers.labels>>()
  return {
    answered(served) {
      let counter = answersOf.get(served)
      if (counter === undefined) {
        counter = answers.labels(served.name, served.version)
        answersOf.set(served, counter)
      }
      counter.inc()
    },
    refused: error =>
      refusals.inc({ reason: error instanceof RequestRefused ? error.reason : 'internal-error' }),
    onBatch(model, version) {
      const durationOf = duration.labels(model, version)
      const requestsOf = requests.labels(model, version)
      const rowsOf = rows.labels(model, version)
      return batch => {
        durationOf.observe(batch.tookMs / 1000)
        requestsOf.observe(batch.requests)
        rowsOf.inc(batch.rows)
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
