import { duration } from '../../engine/durations.ts'
import type { Event, EventError, Leftover } from '../../engine/events.ts'
import { marks, type Palette } from './palette.ts'
import type { FailedRow, RunModel, Started } from './run-model.ts'
import { cut, plainText, shortName, wrap } from './text.ts'

type Finished = Extract<Event, { type: 'run-finished' }>

export interface EndingOptions {
  readonly columns: number
  readonly palette: Palette
  readonly logFile: string | undefined
}

/** The last lines of a run: what happened, what is left, and the exact next command. */
export function endingLines(model: RunModel, event: Finished, options: EndingOptions): readonly string[] {
  const { palette } = options
  const counts = [
    `${event.done} done`,
    ...(event.skipped > 0 ? [`${event.skipped} already there`] : []),
    ...(event.failed > 0 ? [`${event.failed} failed`] : []),
    ...(model.count('blocked') > 0 ? [`${model.count('blocked')} blocked`] : []),
  ].join(', ')
  const heading = `${headingOf(event.result, palette)} in ${duration(event.durationMs)}: ${counts} of ${event.total}`
  return [
    '',
    ...failureLines(model, options),
    ...(event.error === undefined ? [] : errorLines(event.error, options)),
    ...leftoverLines('kept', event.kept, options.columns),
    ...leftoverLines('left behind', event.left, options.columns),
    heading,
    ...(options.logFile === undefined || event.result === 'ok' ? [] : [`log: ${options.logFile}`]),
    ...nextLines(model, event),
  ]
}

function headingOf(result: Finished['result'], palette: Palette): string {
  switch (result) {
    case 'ok':
      return palette.good('Done')
    case 'failed':
      return palette.bad('Failed')
    case 'refused':
      return palette.warn('Refused')
    case 'interrupted':
      return palette.warn('Interrupted')
  }
}

function nextLines(model: RunModel, event: Finished): readonly string[] {
  if (model.started === undefined) return []
  const teardown = model.started.command === 'teardown'
  if (event.result === 'ok') return teardown ? [] : ['next: mlp verify', '      mlp status']
  const stopped = [...model.failed, ...model.running.values()].map(({ step }) => step)
  const interrupted = [...model.finished].filter(([, state]) => state === 'interrupted').map(([step]) => step)
  const pending = model.started?.steps.find(({ id }) => !model.finished.has(id))?.id
  const at = [...stopped, ...interrupted][0] ?? pending
  const from = at === undefined ? '' : `   (goes on at ${at})`
  return [`next: ${typedCommand(model.started)}${from}`]
}

function typedCommand({ typed, command }: Started): string {
  return typed ?? `mlp ${command}`
}

function failureLines(model: RunModel, options: EndingOptions): readonly string[] {
  const [first, ...others] = model.failed
  if (first === undefined) return []
  const { palette } = options
  return [
    ...oneFailure(first, options),
    ...others
      .slice(0, 3)
      .map(row =>
        palette.bad(
          `${marks.bad} ${row.step}: ${row.error?.code ?? ''} ${plainText(row.error?.summary ?? '')}`,
        ),
      ),
    ...(others.length > 3 ? [`  and ${others.length - 3} more failed`] : []),
  ]
}

/** At most eleven lines, so that the whole ending fits in fifteen. */
function oneFailure(row: FailedRow, { columns, palette }: EndingOptions): readonly string[] {
  const { error } = row
  const summary = wrap(`${error?.code ?? ''} ${error?.summary ?? ''}`.trim(), columns, '  ').slice(0, 2)
  const remedy = (error?.remedy ?? [])
    .slice(0, 2)
    .flatMap(line => wrap(`what to do: ${line}`, columns, '  ').slice(0, 2))
  const detail = (error?.detail ?? '').split('\n').filter(line => line.trim() !== '')
  // A failed tool's own last words, of which the detail quotes some; of a tool that did well they explain nothing.
  const isOfTool = error?.code.startsWith('MLP2') === true
  const said =
    (isOfTool || detail.length === 0) && row.toolLines.length > 0 ? row.toolLines.slice(-10) : detail
  const room = Math.max(1, 10 - summary.length - remedy.length)
  // Some tools answer in one line of many pages.
  const quoted = said.map(line => cut(line, 4 * columns)).filter(line => line.trim() !== '')
  return [
    palette.bad(`${marks.bad} ${row.step}  ${plainText(row.title)}`),
    ...summary,
    ...quoted.slice(-room).map(line => palette.quiet(`  | ${line}`)),
    ...remedy,
  ]
}

/** What ended the run outside of any step. */
function errorLines(error: EventError, { columns, palette }: EndingOptions): readonly string[] {
  return [
    ...wrap(`${marks.bad} ${error.code} ${error.summary}`, columns).map(palette.bad),
    ...(error.detail ?? '')
      .split('\n')
      .filter(line => line.trim() !== '')
      .flatMap(line => wrap(line, columns, '  ')),
    ...error.remedy.flatMap(line => wrap(`what to do: ${line}`, columns, '  ')),
  ]
}

function leftoverLines(
  what: string,
  list: readonly Leftover[] | undefined,
  columns: number,
): readonly string[] {
  if (list === undefined || list.length === 0) return []
  return [
    `${what}:`,
    ...list.flatMap(each => wrap(`${each.cloud} ${each.type} ${each.name}: ${each.reason}`, columns, '  ')),
  ]
}

/**
 * What an interrupt means, for the person who pressed the key, and after the second one how to go on. Steps are named
 * where that fits into `columns`; where it does not, the rows of the screen name them.
 */
export function interruptLines(
  model: RunModel,
  event: Extract<Event, { type: 'interrupt' }>,
  columns = Infinity,
): readonly string[] {
  const { count, finishing, signal } = event
  const steps = finishing.length === 1 ? '1 step' : `${finishing.length} steps`
  const names = finishing.map(step => shortName(step, step.split('.')[1] ?? '')).join(', ')
  const fitting = (long: string, short: string) => (long.length <= columns ? long : short)
  if (count === 1) {
    if (finishing.length === 0) return [`${signal}: stopping; nothing is running`]
    const again = 'once more leaves them unknown'
    return [fitting(`${signal}: finishing ${names}; ${again}`, `${signal}: finishing ${steps}; ${again}`)]
  }
  const lost = 'what they left is unknown until the next run asks'
  return [
    ...(finishing.length === 0
      ? [`${signal} again: ended`]
      : [fitting(`${signal} again: killing ${names}; ${lost}`, `killing ${steps}; ${lost}`)]),
    ...(model.started === undefined ? [] : [`next: ${typedCommand(model.started)}`]),
  ]
}
