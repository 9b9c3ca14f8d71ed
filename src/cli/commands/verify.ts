import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { CheckRow } from '../../engine/check.ts'
import { type ExitCode, exitCodes } from '../../engine/errors.ts'
import { runChecks } from '../../engine/run-checks.ts'
import { stateOfChecklist } from '../../phases/8-readiness/checklist.ts'
import { readSignOffs } from '../../phases/8-readiness/sign-offs.ts'
import { phases } from '../../phases/index.ts'
import type { PlatformCheck } from '../../phases/phase.ts'
import { checklistJson, keepChecklist } from '../checklist-file.ts'
import type { ChecklistDocument } from '../contract.ts'
import type { Io } from '../io.ts'
import type { VerifyOptions } from '../options.ts'
import { type Session, withSession } from '../session.ts'
import { showChecks } from '../show-checks.ts'
import { writeJunit } from '../views/junit.ts'

const betweenTriesMs = 5_000
const betweenLooksMs = 15_000

/** Every check of what is applied; phases that were never applied are skipped, and said so. */
export function runVerify(options: VerifyOptions, io: Io): Promise<ExitCode> {
  return withSession({ command: 'verify', options, io, changes: false }, session =>
    verifyIn(options, io, session),
  )
}

async function verifyIn(options: VerifyOptions, io: Io, session: Session): Promise<ExitCode> {
  const deadline = performance.now() + (options.wait ?? 0)
  let rows = await ask(session, options)
  while (!healthy(rows) && performance.now() < deadline && !session.signal.aborted) {
    session.emit({ type: 'notice', level: 'info', message: `not healthy yet: ${unhealthy(rows).join(', ')}` })
    await delay(Math.min(betweenTriesMs, Math.max(deadline - performance.now(), 0)), undefined, {
      signal: session.signal,
    })
    rows = await ask(session, options)
  }
  if (options.junit !== undefined) await writeJunit(options.junit, rows)
  const checklist = options.goLive ? await lookAtChecklist(session, rows) : undefined
  const output = options.quiet ? 'short' : options.output
  const supportBundle =
    options.supportBundleOnFailure && !healthy(rows) ? await bundle(session, rows, io) : undefined
  session.answer(() => showChecks(rows, { ...options, output, categoryOf, checklist, supportBundle }, io))
  if (options.watch) await watch(session, options, rows)
  return healthy(rows) && (checklist?.ready ?? true) ? exitCodes.done : exitCodes.checkFailed
}

/** Tells each change of a check as it is seen, until it is interrupted. */
async function watch(session: Session, options: VerifyOptions, first: readonly CheckRow[]): Promise<never> {
  let known = new Map(first.map(row => [row.id, row.status] as const))
  for (;;) {
    await delay(betweenLooksMs, undefined, { signal: session.signal })
    const rows = await ask(session, options)
    for (const { id, status, detail } of rows) {
      const before = known.get(id)
      if (before === status) continue
      const [line = ''] = detail.split('\n')
      session.emit({
        type: 'notice',
        level: bad.has(status) ? 'warning' : 'info',
        message: `${id}: ${before ?? 'new'} -> ${status}${line === '' ? '' : `: ${line}`}`,
      })
    }
    known = new Map(rows.map(row => [row.id, row.status] as const))
  }
}

/** Undefined, and said, where it cannot be written: what the checks found counts more. */
async function bundle(session: Session, rows: readonly CheckRow[], io: Io): Promise<string | undefined> {
  const { writeSupportBundle } = await import('../support-bundle/support-bundle.ts')
  try {
    return await writeSupportBundle(
      session.makeContext(() => undefined),
      rows,
      io,
    )
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    session.emit({ type: 'notice', level: 'warning', message: `there is no support bundle: ${why}` })
    return undefined
  }
}

async function lookAtChecklist(session: Session, rows: readonly CheckRow[]): Promise<ChecklistDocument> {
  const context = session.makeContext(() => undefined)
  const now = new Date()
  const { project, environment, target } = context.config
  const document = checklistJson(stateOfChecklist(rows, await readSignOffs(context), now, session.runId), {
    project,
    environment,
    target,
    runId: session.runId,
    at: now.toISOString(),
  })
  await keepChecklist(join(context.home, 'runs'), document)
  return document
}

const titles: Readonly<Record<string, string>> = {
  aws: 'AWS',
  gcp: 'Google Cloud',
  azure: 'Azure',
  all: 'everywhere',
}

const categoryOf = ({ phase, cloud }: CheckRow) => `phase ${phase}, ${titles[cloud] ?? cloud}`

async function ask(session: Session, options: VerifyOptions): Promise<readonly CheckRow[]> {
  const context = session.makeContext(() => undefined)
  const wanted = phases.filter(({ number }) => options.phase === undefined || number === options.phase)
  const checks = wanted
    .flatMap(phase => phase.checks(session.config, session.clouds))
    .filter(({ cloud }) => session.works(cloud))
  const applied = (check: PlatformCheck) =>
    [...session.state.all().keys()].some(id => id.startsWith(`${check.phase}.`))
  // The record only decides whether a phase counts as wanted; each check itself asks the world.
  const skipped =
    options.phase === undefined && session.state.all().size > 0 ? checks.filter(check => !applied(check)) : []
  const rows = await runChecks(
    checks.filter(check => !skipped.includes(check)),
    context,
  )
  return [
    ...rows,
    ...skipped.map(({ id, phase, cloud, title }) => ({
      id,
      phase,
      cloud,
      title,
      status: 'skipped' as const,
      detail: `phase ${phase} was never applied`,
      remedy: [],
      durationMs: 0,
    })),
  ]
}

const bad: ReadonlySet<CheckRow['status']> = new Set(['fail', 'error', 'blocked'])

function healthy(rows: readonly CheckRow[]): boolean {
  return rows.length > 0 && unhealthy(rows).length === 0
}

function unhealthy(rows: readonly CheckRow[]): readonly string[] {
  return rows.filter(({ status }) => bad.has(status)).map(({ id }) => id)
}
