import { Listr, type ListrContext, type ListrTaskWrapper } from 'listr2'
import type { Event } from '../../engine/events.ts'
import type { LiveTask } from './frame.ts'
import type { Screen } from './screen.ts'

type Finished = Extract<Event, { type: 'step-finished' }>

export interface StepTask {
  report(message: string, fraction: number | undefined): void
  /** Without an event: the run ended without a word about this step. */
  end(event: Finished | undefined): void
  /** Resolves once listr2 has let go of the task. */
  readonly ended: Promise<unknown>
}

/** One step as a listr2 task, on the screen for as long as listr2 says that it runs. */
export function startStepTask(title: string, startedAt: number, screen: Screen): StepTask {
  const done = Promise.withResolvers<void>()
  let task: Pick<ListrTaskWrapper<ListrContext, never, never>, 'output' | 'skip'> | undefined
  let row: LiveTask = { title, message: '', fraction: undefined, startedAt }
  const show = (next: LiveTask): void => {
    screen.remove(row)
    row = next
    screen.add(row)
  }

  /** Shows the task on our screen in place of one of listr2's renderers. */
  class ScreenRenderer {
    // listr2 would otherwise look at process.stdout and choose another renderer; the view was chosen already.
    static readonly nonTTY = true
    static readonly rendererOptions = {}
    static readonly rendererTaskOptions = {}
    render(): void {
      screen.add(row)
    }
    end(): void {
      screen.remove(row)
    }
  }

  const list = new Listr(
    [
      {
        title,
        task: (_, wrapper) => {
          task = wrapper
          return done.promise
        },
      },
    ],
    // Interrupts are ours: listr2 would end the process with 127. A failed step is told by its event.
    { renderer: ScreenRenderer, exitOnError: false, registerSignalListeners: false },
  )
  return {
    report(message, fraction) {
      show({ ...row, message, fraction })
      // listr2 reads the text as a format.
      if (task !== undefined) task.output = message.replaceAll('%', '%%')
    },
    end(event) {
      if (event?.state === 'skipped') task?.skip(event.why)
      if (event?.state === 'failed') done.reject(new Error(event.why))
      else done.resolve()
    },
    ended: list.run(),
  }
}
