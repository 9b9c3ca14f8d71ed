import type { Event } from '../../engine/events.ts'

/** Turns events into characters. */
export interface View {
  emit(event: Event): void
  /** Draws nothing until the answer is called: for a prompt, which owns the terminal meanwhile. */
  pause(): () => void
  /** Draws what is still to be drawn, and gives the terminal back. */
  close(): Promise<void>
}

export type ViewKind = 'tasks' | 'lines' | 'ndjson'

export interface ViewSettings {
  readonly colour: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  /** Where a person finds everything that was said; undefined when there is no log. */
  readonly logFile?: string | undefined
  readonly now?: () => Date
}
