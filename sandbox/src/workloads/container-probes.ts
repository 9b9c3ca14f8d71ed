import type { Container, Probe } from './pod.ts'
import type { ContainerRecord } from './pod-status.ts'
import { type ProbeTarget, watchProbe } from './probes.ts'

export interface ProbedContainer {
  readonly container: Container
  readonly record: ContainerRecord
  readonly target: ProbeTarget
  /** Keeps and reports what is new in the record. */
  changed(): void
  /** One probe failed. */
  unhealthy(message: string): void
  /** A startup or liveness probe failed too often. */
  restart(kind: string, probe: Probe): void
}

/** Probes a container while it runs, until the signal ends it; a startup probe first, alone. */
export async function probeContainer(probed: ProbedContainer, signal: AbortSignal): Promise<void> {
  const { container, record, target, changed, restart } = probed
  const { startupProbe, readinessProbe, livenessProbe } = container
  const run = (kind: string, probe: Probe, until: AbortSignal, onResult: (good: boolean) => void) =>
    watchProbe(
      container,
      probe,
      target,
      until,
      result => onResult(result === 'success'),
      output => probed.unhealthy(`${kind} probe failed: ${output}`),
    )
  if (startupProbe !== undefined && !record.started) {
    const started = Promise.withResolvers<void>()
    const only = new AbortController()
    run('Startup', startupProbe, AbortSignal.any([signal, only.signal]), good => {
      if (good) started.resolve()
      else restart('startup', startupProbe)
    }).catch(error => started.reject(error))
    await started.promise
    only.abort()
  }
  record.started = true
  if (readinessProbe === undefined) record.ready = true
  changed()
  await Promise.all([
    readinessProbe &&
      run('Readiness', readinessProbe, signal, good => {
        if (record.ready === good) return
        record.ready = good
        changed()
      }),
    livenessProbe &&
      run('Liveness', livenessProbe, signal, good => {
        if (!good) restart('liveness', livenessProbe)
      }),
  ])
}
