import type { Event, EventError } from '../../engine/events.ts'

type Finished = Extract<Event, { type: 'step-finished' }>
export type Started = Extract<Event, { type: 'run-started' }>

export interface Row {
  readonly step: string
  readonly cloud: string
  readonly title: string
  readonly startedAt: number
  readonly message: string
  readonly fraction: number | undefined
}

export interface FailedRow {
  readonly step: string
  readonly cloud: string
  readonly title: string
  readonly error: EventError | undefined
  /** The last lines that its tools said. */
  readonly toolLines: readonly string[]
}

const keptToolLines = 10

/** What every view has to know of a run, gathered from its events. */
export class RunModel {
  started: Started | undefined
  readonly running = new Map<string, Row>()
  readonly failed: FailedRow[] = []
  readonly finished = new Map<string, Finished['state']>()
  interrupts = 0
  readonly #toolLines = new Map<string, string[]>()

  see(event: Event): void {
    switch (event.type) {
      case 'run-started':
        this.started = event
        break
      case 'step-started':
        this.#touch(event.step, event.cloud, event.at, { title: event.title, message: event.why })
        break
      case 'step-progress':
        this.#touch(event.step, event.cloud, event.at, { message: event.message, fraction: event.fraction })
        break
      case 'test-finished':
        this.#touch(event.step, event.cloud, event.at, { message: `${event.test}: ${event.outcome}` })
        break
      case 'tool-output':
        if (event.step !== undefined) this.#keepLine(event.step, event.line)
        break
      case 'step-finished':
        this.#finish(event)
        break
      case 'interrupt':
        this.interrupts = event.count
        break
      default:
        break
    }
  }

  /** Steps that neither run nor have ended. */
  queued(): number {
    const known = this.started?.steps ?? []
    return known.filter(({ id }) => !this.running.has(id) && !this.finished.has(id)).length
  }

  count(...states: readonly Finished['state'][]): number {
    return [...this.finished.values()].filter(state => states.includes(state)).length
  }

  #touch(step: string, cloud: string, at: string, change: Partial<Row>): void {
    const before = this.running.get(step)
    const title = this.started?.steps.find(({ id }) => id === step)?.title ?? step
    const row = before ?? { step, cloud, title, startedAt: Date.parse(at), message: '', fraction: undefined }
    this.running.set(step, { ...row, ...change })
  }

  #keepLine(step: string, line: string): void {
    const lines = this.#toolLines.get(step) ?? []
    lines.push(line)
    if (lines.length > keptToolLines) lines.shift()
    this.#toolLines.set(step, lines)
  }

  #finish(event: Finished): void {
    this.running.delete(event.step)
    this.finished.set(event.step, event.state)
    const toolLines = this.#toolLines.get(event.step) ?? []
    this.#toolLines.delete(event.step)
    if (event.state !== 'failed' && event.state !== 'left') return
    const { step, cloud, title, error } = event
    this.failed.push({ step, cloud, title, error, toolLines })
  }
}
