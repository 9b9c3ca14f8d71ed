import { duration } from '../../engine/durations.ts'
import { marks, type Palette } from './palette.ts'
import type { RunModel } from './run-model.ts'
import { cut } from './text.ts'

export interface LiveTask {
  readonly title: string
  readonly message: string
  readonly fraction: number | undefined
  readonly startedAt: number
}

export interface FrameOptions {
  readonly rows: number
  readonly columns: number
  readonly now: number
  readonly palette: Palette
  /** Turns with every drawing. */
  readonly tick: number
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const

/** As much as `azure: Kubernetes cluster` takes. */
const leastTitleColumns = 25

/**
 * The live part of the screen, never higher than `rows`: failed steps by name, running ones with what they do, queued
 * and done as counts. When there is no room for all, what is left out is said.
 */
export function frame(model: RunModel, tasks: readonly LiveTask[], options: FrameOptions): readonly string[] {
  const { columns, palette, rows } = options
  const counts = [
    `${model.count('done', 'removed', 'kept')} done`,
    ...(model.count('skipped') > 0 ? [`${model.count('skipped')} already there`] : []),
    ...(model.failed.length > 0 ? [`${model.failed.length} failed`] : []),
    ...(model.count('blocked') > 0 ? [`${model.count('blocked')} blocked`] : []),
    `${tasks.length} running`,
    `${model.queued()} queued`,
  ].join(', ')
  const summary = palette.quiet(cut(model.interrupts > 0 ? `stopping: ${counts}` : counts, columns))
  const failed = model.failed.map(row => palette.bad(cut(`${marks.bad} ${row.step} ${row.title}`, columns)))
  const running = tasks.map(task => runningLine(task, options))
  const room = rows - 1
  if (failed.length + running.length <= room) return [...failed, ...running, summary]
  if (room < 1) return [summary]
  // Running steps first: failed ones are told in full at the end.
  const shownRunning = running.slice(0, Math.max(1, room - 1))
  const shownFailed = failed.slice(0, Math.max(0, room - 1 - shownRunning.length))
  const hidden = running.length + failed.length - shownRunning.length - shownFailed.length
  const more = room > 1 ? [palette.quiet(cut(`  and ${hidden} more`, columns))] : []
  return [...shownFailed, ...shownRunning, ...more, summary]
}

function runningLine(task: LiveTask, { columns, now, tick }: FrameOptions): string {
  const turning = spinner[tick % spinner.length] ?? spinner[0]
  const waited = duration(Math.max(0, Math.floor((now - task.startedAt) / 1000) * 1000))
  const share = task.fraction === undefined ? '' : ` ${Math.floor(task.fraction * 100)} %`
  const times = ` (${waited === '0 ms' ? '0 s' : waited})${share}`
  if (task.message === '') return cut(`${turning} ${task.title}${times}`, columns)
  // On a narrow terminal the title gives way, down to what still tells it from others: what is being waited for matters.
  const said = `${times}: ${task.message}`
  const room = Math.max(leastTitleColumns, columns - turning.length - 1 - [...said].length)
  return cut(`${turning} ${cut(task.title, room)}${said}`, columns)
}
