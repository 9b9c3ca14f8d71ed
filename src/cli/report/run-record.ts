import type { Event } from '../../engine/events.ts'
import type { RunEvent } from './run-events.ts'

type Of<Type extends RunEvent['type']> = Extract<RunEvent, { type: Type }>

export interface StepRow {
  readonly id: string
  readonly cloud: string
  readonly title: string
  /** `pending` until it starts; `running` for ever when the run was killed in it. */
  readonly state: string
  readonly why: string
  /** Milliseconds since the epoch; undefined until it started. */
  readonly startedAt: number | undefined
  readonly durationMs: number | undefined
  readonly error: Of<'step-finished'>['error']
}

interface CommandRow {
  readonly step: string | undefined
  readonly command: string
  readonly startedAt: number
  /** Undefined while it runs, and for ever when the run was killed. */
  readonly ended: Pick<Of<'command-finished'>, 'exitCode' | 'signal' | 'durationMs'> | undefined
}

/** What a report tells of a run, gathered from its events as they come. */
export interface RunRecord {
  started: Of<'run-started'> | undefined
  finished: Of<'run-finished'> | undefined
  /** Milliseconds since the epoch. */
  firstAt: number
  lastAt: number
  readonly steps: Map<string, StepRow>
  readonly commands: Map<string, CommandRow>
  /** The last lines that each step's tools said. */
  readonly toolLines: Map<string, string[]>
  readonly gates: Of<'gate'>[]
  readonly checks: Of<'check-finished'>[]
  /** Notices and interrupts. */
  readonly remarks: { readonly at: number; readonly level: string; readonly message: string }[]
}

const keptToolLines = 10

export function emptyRecord(): RunRecord {
  return {
    started: undefined,
    finished: undefined,
    firstAt: Number.POSITIVE_INFINITY,
    lastAt: 0,
    steps: new Map(),
    commands: new Map(),
    toolLines: new Map(),
    gates: [],
    checks: [],
    remarks: [],
  }
}

/** Adds one event, of this run or of a file. */
export function recordEvent(record: RunRecord, event: Event | RunEvent): void {
  const at = Date.parse(event.at)
  record.firstAt = Math.min(record.firstAt, at)
  record.lastAt = Math.max(record.lastAt, at)
  switch (event.type) {
    case 'run-started':
      record.started = event
      for (const step of event.steps) record.steps.set(step.id, { ...step, ...pending })
      break
    case 'step-started': {
      const { step: id, cloud, title, why } = event
      record.steps.set(id, { ...pending, id, cloud, title, state: 'running', why, startedAt: at })
      break
    }
    case 'step-finished': {
      const { step: id, cloud, title, state, why, durationMs, error } = event
      const startedAt = state === 'blocked' ? undefined : at - durationMs
      record.steps.set(id, { id, cloud, title, state, why, startedAt, durationMs, error })
      break
    }
    case 'command-started': {
      const { step, command } = event
      record.commands.set(event.id, { step, command, startedAt: at, ended: undefined })
      break
    }
    case 'command-finished': {
      const command = record.commands.get(event.id)
      if (command !== undefined) record.commands.set(event.id, { ...command, ended: event })
      break
    }
    case 'tool-output':
      if (event.step !== undefined) keepLine(record.toolLines, event.step, event.line)
      break
    case 'gate':
      record.gates.push(event)
      break
    case 'check-finished':
      record.checks.push(event)
      break
    case 'notice':
      record.remarks.push({ at, level: event.level, message: event.message })
      break
    case 'interrupt':
      record.remarks.push({ at, level: 'interrupt', message: `${event.signal} (${event.count})` })
      break
    case 'run-finished':
      record.finished = event
      break
    default:
      break
  }
}

const pending = {
  state: 'pending',
  why: '',
  startedAt: undefined,
  durationMs: undefined,
  error: undefined,
} as const

function keepLine(toolLines: Map<string, string[]>, step: string, line: string): void {
  const lines = toolLines.get(step) ?? []
  lines.push(line)
  if (lines.length > keptToolLines) lines.shift()
  toolLines.set(step, lines)
}
