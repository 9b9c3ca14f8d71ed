import { closeSync, openSync, writeSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../engine/atomic-file.ts'
import { MlpError } from '../engine/errors.ts'
import type { Event, EventError } from '../engine/events.ts'
import { openTestResults } from './test-results.ts'

export interface RunLogOptions {
  /** The folder of all runs; each gets one of its own below it, named by its id. */
  readonly folder: string
  readonly runId: string
  /** How many runs are kept, this one included. */
  readonly keep?: number
}

export interface RunLog extends AsyncDisposable {
  /** The text that a person reads: every event, every external command and what it said. */
  readonly textFile: string
  write(event: Event): void
  /** Set once something could not be written: the run goes on, and says so at its end. */
  problem(): string | undefined
}

const runFolderName = /^\d{8}T\d{6}Z-[0-9a-f]+$/

/**
 * Opens `runs/<id>/{events.ndjson,log.txt}` (0600), where tests are run also `tests.{json,xml}`, and removes the oldest runs. Lines are on their way to the disk
 * when `write` returns, so that a killed run's log is whole. A disk that fills up stops the log, never the run.
 * Throws MlpError MLP5225 when the folder cannot be made.
 */
export async function openRunLog(options: RunLogOptions): Promise<RunLog> {
  const folder = join(options.folder, options.runId)
  const textFile = join(folder, 'log.txt')
  let files: { readonly events: number; readonly text: number }
  try {
    await makeFolder(folder)
    files = {
      events: openSync(join(folder, 'events.ndjson'), 'a', 0o600),
      text: openSync(textFile, 'a', 0o600),
    }
    await removeOldRuns(options)
  } catch (error) {
    throw new MlpError({
      code: 'MLP5225',
      summary: `the run's log cannot be written in ${folder}`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: [`Free some space, or make it writable: df -h ${options.folder}; ls -ld ${options.folder}`],
      cause: error,
    })
  }
  let problem: string | undefined
  let closed = false
  const tests = openTestResults(folder)
  return {
    textFile,
    problem: () => problem,
    write(event) {
      if (closed || problem !== undefined) return
      try {
        writeSync(files.events, `${JSON.stringify(event)}\n`)
        tests.see(event)
        const text = logText(event)
        if (text !== undefined) writeSync(files.text, `${event.at} ${text}\n`)
      } catch (error) {
        problem = `the log stops here: ${error instanceof Error ? error.message : String(error)}`
      }
    },
    async [Symbol.asyncDispose]() {
      // The numbers of closed files are given to others: nothing may be written to them any more.
      if (closed) return
      closed = true
      closeSync(files.events)
      closeSync(files.text)
    },
  }
}

async function removeOldRuns(options: RunLogOptions): Promise<void> {
  // Ids begin with the time, so the order of names is the order of runs.
  const runs = (await readdir(options.folder)).filter(name => runFolderName.test(name)).sort()
  const spare = runs.filter(name => name !== options.runId)
  const tooMany = spare.slice(0, Math.max(0, spare.length - (options.keep ?? 20) + 1))
  for (const name of tooMany) await rm(join(options.folder, name), { recursive: true, force: true })
}

/** One event as lines of the text log; undefined for what says nothing that another line does not. */
function logText(event: Event): string | undefined {
  switch (event.type) {
    case 'version':
      return `mlp ${event.mlp}`
    case 'run-started':
      return `${event.command} on ${event.target}: ${event.project}, ${event.environment}; ${event.steps.length} steps`
    case 'step-started':
      return `${event.step} started: ${event.why}`
    case 'step-progress':
      return `${event.step} ${event.message}`
    case 'step-finished':
      return `${event.step} ${event.state}: ${event.why}${event.error === undefined ? '' : `\n${errorText(event.error)}`}`
    case 'gate':
      return `gate ${event.cloud} ${event.gate} ${event.outcome}: ${event.detail}`
    case 'command-started':
      return `$ ${event.command}${event.cwd === undefined ? '' : `   # in ${event.cwd}`}   [${event.id}]`
    case 'tool-output':
      return `[${event.id}] ${event.stream === 'stderr' ? '! ' : '  '}${event.line}`
    case 'command-finished':
      return `[${event.id}] ended: ${event.signal ?? `exit ${event.exitCode}`} after ${Math.round(event.durationMs)} ms`
    case 'tool-progress':
      return `${event.tool}: ${event.message}`
    case 'check-finished':
      return `check ${event.check} ${event.status}: ${event.detail}`
    case 'test-finished':
      return `test ${event.step}.${event.test} ${event.outcome} after ${Math.round(event.durationMs)} ms: ${event.detail}`
    case 'notice':
      return `${event.level}: ${event.message}`
    case 'interrupt':
      return `${event.signal} (${event.count}); finishing: ${event.finishing.join(', ') || 'nothing'}`
    case 'run-finished':
      return `${event.result}, exit ${event.exitCode}: ${event.done} done, ${event.skipped} skipped, ${event.failed} failed of ${event.total}${event.error === undefined ? '' : `\n${errorText(event.error)}`}`
  }
}

function errorText(error: EventError): string {
  return [
    `  ${error.code} ${error.summary}`,
    ...(error.detail ?? '')
      .split('\n')
      .filter(Boolean)
      .map(line => `  ${line}`),
    ...(error.command === undefined ? [] : [`  command: ${error.command}`]),
    ...error.remedy.map(line => `  remedy: ${line}`),
  ].join('\n')
}
