import { duration } from '../../engine/durations.ts'
import type { Event } from '../../engine/events.ts'
import type { Output } from '../io.ts'
import { endingLines, interruptLines } from './ending.ts'
import { marks, palette } from './palette.ts'
import { RunModel } from './run-model.ts'
import { gateName, plainText, shortName } from './text.ts'
import type { View, ViewSettings } from './view.ts'

export interface LinesSettings extends ViewSettings {
  /** Fold what passed into groups, annotate failures (workflow commands of GitHub Actions). */
  readonly githubActions: boolean
  readonly heartbeatMs?: number
}

/** At most one line of progress a step in this time, unless --verbose. */
const quietMs = 10_000

/** One plain line an event: for CI, pipes, dumb terminals and screen readers. */
export function linesView(out: Output, settings: LinesSettings): View {
  const model = new RunModel()
  const colours = palette(settings.colour)
  const now = settings.now ?? (() => new Date())
  const lastMessage = new Map<string, { readonly message: string; readonly atMs: number }>()
  const folded = new Map<string, string[]>()
  const held: string[] = []
  let paused = false
  let lastWrite = now().getTime()

  const write = (line: string): void => {
    if (paused) {
      held.push(line)
      return
    }
    lastWrite = now().getTime()
    out.write(`${line}\n`)
  }
  // A step says what it is at some times a second; a log wants its beginning, its end, and the heartbeat between.
  const progress = (key: string, name: string, message: string): void => {
    const last = lastMessage.get(key)
    const soon = last !== undefined && now().getTime() - last.atMs < quietMs
    if (settings.quiet || last?.message === message || (soon && !settings.verbose)) return
    lastMessage.set(key, { message, atMs: now().getTime() })
    const line = `${name}: ${plainText(message)}`
    if (settings.githubActions) folded.set(key, [...(folded.get(key) ?? []), line])
    else write(line)
  }
  const finishStep = (event: Extract<Event, { type: 'step-finished' }>): void => {
    const name = shortName(event.step, event.cloud)
    const bad = event.state === 'failed' || event.state === 'left' || event.state === 'blocked'
    const paint = bad ? colours.bad : colours.good
    const took = event.durationMs >= 1000 ? ` (${duration(event.durationMs)})` : ''
    const line = `${name}: ${paint(event.state)}${took}: ${plainText(event.why)}`
    const lines = folded.get(event.step) ?? []
    folded.delete(event.step)
    lastMessage.delete(event.step)
    if (!bad && settings.quiet) return
    if (lines.length > 0 && !bad) {
      for (const each of [`::group::${line}`, ...lines, '::endgroup::']) write(each)
      return
    }
    for (const each of lines) write(each)
    write(line)
    if (event.state === 'failed' && settings.githubActions) {
      const { code = '', summary = event.why } = event.error ?? {}
      write(`::error title=${workflowProperty(event.step)}::${workflowText(`${code} ${summary}`.trim())}`)
    }
  }
  const beat = (): void => {
    if (settings.quiet || model.running.size === 0 || now().getTime() - lastWrite < heartbeatMs) return
    for (const row of model.running.values()) {
      const waited = duration(now().getTime() - row.startedAt)
      write(`${shortName(row.step, row.cloud)}: still at it after ${waited}: ${plainText(row.message)}`)
    }
  }
  const heartbeatMs = settings.heartbeatMs ?? 30_000
  const timer = setInterval(beat, heartbeatMs)
  timer.unref()

  return {
    emit(event) {
      model.see(event)
      switch (event.type) {
        case 'run-started':
          if (!settings.quiet) {
            write(
              `${event.command}: ${event.project} (${event.environment}) on ${event.target}, ${event.steps.length} steps`,
            )
          }
          break
        case 'step-started':
          if (!settings.quiet)
            write(`${shortName(event.step, event.cloud)}: started: ${plainText(event.why)}`)
          break
        case 'step-progress':
          progress(event.step, shortName(event.step, event.cloud), event.message)
          break
        case 'step-finished':
          finishStep(event)
          break
        case 'tool-progress':
          progress(`tool ${event.tool}`, event.tool, event.message)
          break
        case 'tool-output':
          if (settings.verbose) write(colours.quiet(`${event.step ?? event.id} | ${plainText(event.line)}`))
          break
        case 'command-started':
          if (settings.verbose)
            write(colours.quiet(`${event.step ?? event.id} $ ${plainText(event.command)}`))
          break
        case 'gate':
          if (event.outcome !== 'passed' || settings.verbose) {
            const mark = event.outcome === 'passed' ? marks.good : marks.warn
            const name = gateName(event.gate, event.cloud)
            write(`${mark} ${name}: ${event.outcome}: ${plainText(event.detail)}`)
          }
          break
        case 'test-finished':
          if (event.outcome === 'failed' || !settings.quiet) write(testLine(event, colours))
          break
        case 'notice':
          if (event.level === 'warning' || !settings.quiet)
            write(`${event.level === 'warning' ? 'warning: ' : ''}${plainText(event.message)}`)
          break
        case 'interrupt':
          for (const line of interruptLines(model, event)) write(line)
          break
        case 'run-finished': {
          const options = { columns: 100, palette: colours, logFile: settings.logFile }
          for (const line of endingLines(model, event, options)) write(line)
          break
        }
        default:
          break
      }
    },
    pause() {
      paused = true
      return () => {
        paused = false
        for (const line of held.splice(0)) write(line)
      }
    },
    async close() {
      clearInterval(timer)
    },
  }
}

function testLine(
  { step, cloud, test, outcome, detail }: Extract<Event, { type: 'test-finished' }>,
  colours: ReturnType<typeof palette>,
): string {
  const paint = outcome === 'failed' ? colours.bad : colours.good
  return `${shortName(step, cloud)}: ${paint(outcome)}: ${test}: ${plainText(detail)}`
}

/** https://docs.github.com/actions: what ends a workflow command's data or property has to be encoded. */
function workflowText(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function workflowProperty(text: string): string {
  return workflowText(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
