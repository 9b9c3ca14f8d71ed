import { ago } from '../../engine/durations.ts'
import type { LeaseHolder } from '../../engine/lease-holder.ts'
import type { StepRecord } from '../../engine/state-document.ts'
import { documentVersion, type StatusDocument, statusDocument } from '../contract.ts'
import { marks, type Palette } from './palette.ts'
import { wrap } from './text.ts'

export interface StatusInput {
  readonly target: StatusDocument['target']
  readonly project: string
  readonly environment: StatusDocument['environment']
  readonly phases: readonly {
    readonly number: number
    readonly name: string
    readonly steps: readonly { readonly id: string; readonly cloud: string }[]
  }[]
  readonly records: ReadonlyMap<string, StepRecord>
  /** The run at work now: `running` in the state then means what it says. */
  readonly holder: LeaseHolder | undefined
  readonly record: StatusDocument['record']
}

/** What mlp remembers, not what is: `mlp verify` asks the world. */
export function statusJson(input: StatusInput): StatusDocument {
  const confirmed = [...input.records.values()].flatMap(({ checkedAt }) =>
    checkedAt === null ? [] : [checkedAt],
  )
  return statusDocument.parse({
    schemaVersion: documentVersion,
    target: input.target,
    project: input.project,
    environment: input.environment,
    asOf: confirmed.sort().at(-1) ?? null,
    record: input.record,
    holder: input.holder ?? null,
    phases: input.phases.map(({ number, name, steps }) => {
      const isLocked = input.holder !== undefined
      const rows = steps.map(step => ({ ...step, ...stepRow(input.records.get(step.id), isLocked) }))
      return { number, name, state: phaseState(rows.map(({ state }) => state)), steps: rows }
    }),
  })
}

type StepState = StatusDocument['phases'][number]['steps'][number]['state']

function stepRow(record: StepRecord | undefined, locked: boolean) {
  if (record === undefined) return { state: 'pending', why: 'not begun', by: null, finishedAt: null } as const
  const { by, finishedAt } = record
  if (record.state === 'running' && !locked) {
    return {
      state: 'stale',
      why: 'a run was killed here; the next one asks the world and goes on',
      by,
      finishedAt,
    } as const
  }
  const why = record.error === undefined ? record.why : `${record.error.code} ${record.error.summary}`
  return { state: record.state, why, by, finishedAt } as const
}

function phaseState(steps: readonly StepState[]): StatusDocument['phases'][number]['state'] {
  if (steps.some(state => state === 'failed' || state === 'stale')) return 'failed'
  if (steps.some(state => state === 'running')) return 'running'
  return steps.length > 0 && steps.every(state => state === 'done' || state === 'skipped')
    ? 'done'
    : 'pending'
}

/** One row a cloud and phase, then what is wrong, then the next command. */
export function statusReport(
  status: StatusDocument,
  options: { readonly columns: number; readonly palette: Palette; readonly now: Date },
): readonly string[] {
  const { columns, palette } = options
  const { project, environment, target, asOf } = status
  const heading = `${project} (${environment}) on ${target}, ${asOf === null ? 'nothing done yet' : `as of ${ago(asOf, options.now)}`}`
  const rows = status.phases.flatMap(phase =>
    [...Map.groupBy(phase.steps, step => step.cloud)].map(([cloud, steps]) => {
      const done = steps.filter(({ state }) => state === 'done' || state === 'skipped').length
      const state = phaseState(steps.map(each => each.state))
      const last = steps
        .flatMap(({ finishedAt }) => (finishedAt === null ? [] : [finishedAt]))
        .sort()
        .at(-1)
      const by = steps.find(({ finishedAt }) => finishedAt === last)?.by ?? undefined
      const who =
        last === undefined ? '' : `, ${ago(last, options.now)}${by === undefined ? '' : ` by ${by}`}`
      return paint(
        state,
        palette,
      )(
        `${markOf(state)} ${phase.number} ${phase.name.padEnd(14)} ${cloud.padEnd(5)} ${done}/${steps.length}${who}`,
      )
    }),
  )
  const problems = status.phases.flatMap(({ steps }) =>
    steps
      .filter(({ state }) => state === 'failed' || state === 'stale')
      .flatMap(step => wrap(`${step.id}: ${step.why}`, columns, '  ')),
  )
  const problemLines = problems.length === 0 ? [] : ['', palette.bad('problems:'), ...problems]
  return [
    palette.strong(heading),
    '',
    ...rows,
    ...problemLines,
    ...workLines(status, options),
    ...recordLines(status.record, columns),
    '',
    `next: ${nextCommand(status)}`,
  ]
}

function workLines(
  { holder }: StatusDocument,
  { columns, now }: { readonly columns: number; readonly now: Date },
): readonly string[] {
  if (holder === null) return []
  const { user, host, pid, command, since, step, renewedAt, id } = holder
  const at = `${step === null ? '' : `, at ${step}`}, last heard of ${ago(renewedAt, now)}; lock ${id}`
  return [
    '',
    ...wrap(`at work: ${user} on ${host} (process ${pid}), ${command}, ${ago(since, now)}${at}`, columns),
  ]
}

function recordLines({ place, problem }: StatusDocument['record'], columns: number): readonly string[] {
  if (problem !== null) return ['', ...wrap(`known from this machine only: ${problem}`, columns)]
  return place === null ? [] : ['', ...wrap(`known from ${place}`, columns)]
}

/** The one command that brings the platform on. */
function nextCommand(status: StatusDocument): string {
  return status.phases.every(({ state }) => state === 'done') ? 'mlp verify' : 'mlp bootstrap'
}

function markOf(state: StatusDocument['phases'][number]['state']): string {
  return { done: marks.good, failed: marks.bad, running: marks.warn, pending: marks.skipped }[state]
}

function paint(state: StatusDocument['phases'][number]['state'], palette: Palette): (text: string) => string {
  return { done: palette.good, failed: palette.bad, running: palette.warn, pending: palette.quiet }[state]
}
