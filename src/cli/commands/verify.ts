import { setTimeout as delay } from 'node:timers/promises'
import type { CheckRow } from '../../engine/check.ts'
import { type ExitCode, exitCodes } from '../../engine/errors.ts'
import { runChecks } from '../../engine/run-checks.ts'
import { phases } from '../../phases/index.ts'
import type { PlatformCheck } from '../../phases/phase.ts'
import type { Io } from '../io.ts'
import type { VerifyOptions } from '../options.ts'
import { type Session, withSession } from '../session.ts'
import { showChecks } from '../show-checks.ts'
import { writeJunit } from '../views/junit.ts'

const betweenTriesMs = 5_000

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
  showChecks(rows, { ...options, output: options.quiet ? 'short' : options.output, categoryOf }, io)
  return healthy(rows) ? exitCodes.done : exitCodes.checkFailed
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
