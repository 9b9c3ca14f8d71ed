import { createReadStream, existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { systemErrorCode } from '../../engine/atomic-file.ts'
import { type ExitCode, exitCodes, MlpError } from '../../engine/errors.ts'
import { newestChecklist } from '../checklist-file.ts'
import type { Io } from '../io.ts'
import type { ReportOptions } from '../options.ts'
import { openPlatform } from '../platform-home.ts'
import { checklistPage } from '../report/checklist-page.ts'
import { reportPage } from '../report/report-page.ts'
import { parseRunEvent } from '../report/run-events.ts'
import { emptyRecord, type RunRecord, recordEvent } from '../report/run-record.ts'
import { isRunId, runIds } from '../run-folders.ts'

/**
 * Writes a run's `report.html` beside its log, from the events that it left there, or the checklist that a run of
 * `mlp verify --go-live` left. Asks no cloud, but for documentation of the platform.
 */
export async function runReport(options: ReportOptions, io: Io): Promise<ExitCode> {
  if (options.docs !== undefined) {
    const { runReportDocs } = await import('./report-docs.ts')
    return await runReportDocs(options, options.docs, io)
  }
  const runs = join((await openPlatform(options, io)).home, 'runs')
  if (options.checklist) {
    const document = await newestChecklist(runs, options.run)
    const page = checklistPage(document, { now: new Date(), filesOf: runId => filesOf(runs, runId) })
    return await write(runs, document.runId, 'checklist.html', page, options, io)
  }
  const { runId, record } = await findRun(runs, options.run)
  return await write(runs, runId, 'report.html', reportPage(record), options, io)
}

const shownFiles: readonly (readonly [name: string, file: string])[] = [
  ['log', 'log.txt'],
  ['report', 'report.html'],
  ['tests', 'tests.json'],
]

/** What of a run is on this machine, as a page in another run's folder finds it. */
function filesOf(runs: string, runId: string): readonly { readonly name: string; readonly href: string }[] {
  if (!isRunId(runId)) return []
  return shownFiles
    .filter(([, file]) => existsSync(join(runs, runId, file)))
    .map(([name, file]) => ({ name, href: `../${runId}/${file}` }))
}

async function write(
  runs: string,
  runId: string,
  name: string,
  page: string,
  { json }: ReportOptions,
  io: Io,
): Promise<ExitCode> {
  const file = join(runs, runId, name)
  try {
    await writeFile(file, page, { mode: 0o600 })
  } catch (error) {
    throw new MlpError({
      code: 'MLP5234',
      summary: `${file} cannot be written`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: [`Free some space, or make it writable: df -h ${runs}; ls -ld ${join(runs, runId)}`],
      cause: error,
    })
  }
  io.stdout.write(json ? `${JSON.stringify({ schemaVersion: 1, runId, file })}\n` : `${file}\n`)
  return exitCodes.done
}

/** The run that is named, else the last one that worked on steps: a plan or a verification leaves a folder too. */
async function findRun(
  runs: string,
  wanted: string | undefined,
): Promise<{ readonly runId: string; readonly record: RunRecord }> {
  const ids = await runIds(runs)
  for (const runId of ids.filter(id => wanted === undefined || id === wanted)) {
    const record = await readRun(join(runs, runId, 'events.ndjson'))
    if (record !== undefined && (wanted !== undefined || record.started !== undefined))
      return { runId, record }
  }
  throw new MlpError({
    code: 'MLP5233',
    summary: wanted === undefined ? 'there is no run to report' : `there is no run ${wanted}`,
    detail: ids.length === 0 ? `${runs} holds none.` : `There are: ${ids.slice(0, 5).join(', ')}`,
    remedy: [
      'mlp report, for the last run of this environment and target; --env and --target choose another.',
    ],
  })
}

async function readRun(file: string): Promise<RunRecord | undefined> {
  const record = emptyRecord()
  try {
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const event = parseRunEvent(line)
      if (event !== undefined) recordEvent(record, event)
    }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
  return record.lastAt === 0 ? undefined : record
}
