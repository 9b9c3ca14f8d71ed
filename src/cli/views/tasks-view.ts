import { duration } from '../../engine/durations.ts'
import type { Event } from '../../engine/events.ts'
import type { Output } from '../io.ts'
import { endingLines, interruptLines } from './ending.ts'
import { liveRegion } from './live-region.ts'
import { marks, type Palette, palette } from './palette.ts'
import { RunModel } from './run-model.ts'
import { Screen } from './screen.ts'
import { type StepTask, startStepTask } from './step-task.ts'
import { cut, gateName, plainText, shortName, wrap } from './text.ts'
import type { View, ViewSettings } from './view.ts'

type Finished = Extract<Event, { type: 'step-finished' }>

/**
 * A terminal: what is finished scrolls by once and stays, what runs is redrawn below. Each step is a listr2 task, with
 * listr2's life cycle; the drawing is ours, because listr2's own renderer was measured to hide running steps in a
 * short terminal and to put an error in the place of a failed step's title.
 */
export function tasksView(out: Output, settings: ViewSettings): View {
  const model = new RunModel()
  const colours = palette(settings.colour)
  const now = settings.now ?? (() => new Date())
  const screen = new Screen(liveRegion(out), model, colours, now)
  const tasks = new Map<string, StepTask>()
  const timer = setInterval(() => screen.draw(), 120)
  timer.unref()

  const taskOf = (event: {
    readonly step: string
    readonly cloud: string
    readonly at: string
  }): StepTask => {
    const found = tasks.get(event.step)
    if (found !== undefined) return found
    const title = model.running.get(event.step)?.title ?? event.step
    const task = startStepTask(`${event.cloud}: ${plainText(title)}`, Date.parse(event.at), screen)
    tasks.set(event.step, task)
    return task
  }
  /** `mlp phase 3` asks about what it needs of phases 1 and 2: those are counted, and not told one by one. */
  const isAside = ({ step, state }: Finished): boolean => {
    const phase = /^phase (\d)$/.exec(model.started?.command ?? '')?.[1]
    return state === 'skipped' && phase !== undefined && !step.startsWith(`${phase}.`)
  }
  const end = (event: Finished): void => {
    const task = tasks.get(event.step)
    tasks.delete(event.step)
    task?.end(event)
    // A failed step stays in the live part, and is told in full at the end.
    if (event.state !== 'failed' && !(settings.quiet && event.state !== 'left') && !isAside(event)) {
      screen.print([finishedLine(event, colours, screen.columns())])
    }
  }

  return {
    emit(event) {
      model.see(event)
      switch (event.type) {
        case 'run-started':
          if (!settings.quiet) {
            const where = `${event.project} (${event.environment}) on ${event.target}`
            screen.print([colours.strong(cut(`mlp ${event.command}: ${where}`, screen.columns()))])
          }
          break
        case 'step-started':
          taskOf(event).report(event.why, undefined)
          break
        case 'step-progress':
          taskOf(event).report(event.message, event.fraction)
          break
        case 'step-finished':
          end(event)
          break
        case 'tool-progress':
          screen.note(event.tool, event.fraction === 1 ? undefined : event.message)
          break
        case 'tool-output':
          if (settings.verbose) screen.print([colours.quiet(cut(`  | ${event.line}`, screen.columns()))])
          break
        case 'command-started':
          if (settings.verbose) screen.print(wrap(`$ ${event.command}`, screen.columns()).map(colours.quiet))
          break
        case 'gate':
          if (event.outcome !== 'passed' || settings.verbose) {
            const [mark, paint] =
              event.outcome === 'passed' ? [marks.good, colours.quiet] : [marks.warn, colours.warn]
            const name = gateName(event.gate, event.cloud)
            screen.print(wrap(`${mark} ${name}: ${event.detail}`, screen.columns()).map(paint))
          }
          break
        case 'notice':
          if (event.level === 'warning')
            screen.print(wrap(`${marks.warn} ${event.message}`, screen.columns()).map(colours.warn))
          else if (!settings.quiet) screen.print(wrap(event.message, screen.columns()))
          break
        case 'interrupt':
          // After the second nothing is drawn any more: the process ends where it stands.
          if (event.count > 1) screen.stop()
          screen.print(interruptLines(model, event, screen.columns()).map(colours.warn))
          break
        case 'run-finished':
          screen.stop()
          screen.print(
            endingLines(model, event, {
              columns: screen.columns(),
              palette: colours,
              logFile: settings.logFile,
            }),
          )
          break
        default:
          break
      }
    },
    pause: () => screen.pause(),
    async close() {
      clearInterval(timer)
      screen.stop()
      const left = [...tasks.values()]
      for (const task of left) task.end(undefined)
      await Promise.all(left.map(task => task.ended))
    },
  }
}

function finishedLine(event: Finished, colours: Palette, columns: number): string {
  const name = shortName(event.step, event.cloud)
  const took = event.durationMs >= 1000 ? ` (${duration(event.durationMs)})` : ''
  const text = (mark: string): string => cut(`${mark} ${name}${took} ${event.state}: ${event.why}`, columns)
  switch (event.state) {
    case 'done':
    case 'removed':
    case 'kept':
      return colours.good(text(marks.good))
    case 'skipped':
      return colours.quiet(text(marks.skipped))
    case 'blocked':
    case 'interrupted':
    case 'left':
    case 'failed':
      return colours.warn(text(marks.warn))
  }
}
