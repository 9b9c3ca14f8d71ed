import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ObjectResult } from './runs/object-result.ts'
import type { Semaphore } from './semaphore.ts'
import type { StoreError } from './stores/store-error.ts'

export interface Metrics {
  objectEnded(job: string, result: ObjectResult): void
  bytesSent(job: string, destination: number, bytes: number): void
  runEnded(job: string, state: string, seconds: number): void
  runsUnderWay(count: number): void
  storeRetried(error: StoreError): void
  leading(isLeader: boolean): void
  leaseLost(): void
}

export function createMetrics(registry: Registry, memory: Semaphore): Metrics {
  const registers = [registry]
  const objects = new Counter({
    name: 'data_sync_objects_total',
    help: 'Objects by what became of them; those in step are not counted.',
    labelNames: ['job', 'destination', 'action', 'outcome'],
    registers,
  })
  const bytes = new Counter({
    name: 'data_sync_sent_bytes_total',
    help: 'Content that destinations acknowledged.',
    labelNames: ['job', 'destination'],
    registers,
  })
  const runs = new Histogram({
    name: 'data_sync_run_duration_seconds',
    help: 'Runs by how they ended, timed from when this process took them.',
    labelNames: ['job', 'state'],
    buckets: [1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400],
    registers,
  })
  const lastSuccess = new Gauge({
    name: 'data_sync_last_success_timestamp_seconds',
    help: 'When a run of the job last succeeded on this replica.',
    labelNames: ['job'],
    registers,
  })
  const underWay = new Gauge({ name: 'data_sync_runs_under_way', help: 'Runs of this replica.', registers })
  const retries = new Counter({
    name: 'data_sync_store_retries_total',
    help: 'Calls to a store that were tried again, by why.',
    labelNames: ['kind'],
    registers,
  })
  const leader = new Gauge({ name: 'data_sync_leader', help: '1 on the replica that schedules.', registers })
  const lost = new Counter({
    name: 'data_sync_leases_lost_total',
    help: 'Leases that another replica took over while this one worked.',
    registers,
  })
  new Gauge({
    name: 'data_sync_content_memory_bytes',
    help: 'Content held in memory between source and destination.',
    registers,
    collect() {
      this.set(memory.inUse)
    },
  })

  return {
    objectEnded: (job, { destination, action, outcome }) =>
      objects.inc({ job, destination: String(destination), action, outcome }),
    bytesSent: (job, destination, count) => bytes.inc({ job, destination: String(destination) }, count),
    runEnded(job, state, seconds) {
      runs.observe({ job, state }, seconds)
      if (state === 'succeeded') lastSuccess.setToCurrentTime({ job })
    },
    runsUnderWay: count => underWay.set(count),
    storeRetried: ({ kind }) => retries.inc({ kind }),
    leading: isLeader => leader.set(isLeader ? 1 : 0),
    leaseLost: () => lost.inc(),
  }
}
