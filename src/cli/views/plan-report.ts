import type { CloudName, Quota } from '../../clouds/cloud.ts'
import { toEventError } from '../../engine/failure.ts'
import type { PlanSummary } from '../../engine/plan.ts'
import type { PlannedAction } from '../../engine/step.ts'
import { documentVersion, type PlanDocument, planDocument } from '../contract.ts'
import type { Io } from '../io.ts'
import type { GlobalOptions } from '../options.ts'
import type { PlanCosts } from '../plan-costs.ts'
import { judgeQuotas } from '../quotas.ts'
import { chooseColour } from './choose.ts'
import { costJson, costSummary, costTables } from './cost-report.ts'
import { marks, type Palette, palette } from './palette.ts'
import { cut, wrap } from './text.ts'

export type QuotaRow = Quota & { readonly cloud: CloudName }

/** What would be done, what it costs, and what the clouds' quotas leave room for. */
type Plan = PlanSummary & { readonly quotas: readonly QuotaRow[]; readonly costs: PlanCosts }

/** Writes a plan to standard output, as JSON where that was asked for. */
export function showPlan(
  plan: Plan,
  options: Pick<GlobalOptions, 'json' | 'color' | 'verbose'>,
  io: Pick<Io, 'stdout' | 'env'>,
): void {
  if (options.json) {
    io.stdout.write(`${JSON.stringify(planJson(plan))}\n`)
    return
  }
  const colour = chooseColour(options.color, { isTty: io.stdout.isTTY === true, env: io.env })
  const columns = io.stdout.columns ?? 100
  const lines = planReport(plan, { columns, palette: palette(colour), verbose: options.verbose })
  io.stdout.write(`${lines.join('\n')}\n`)
}

export function planJson(plan: Plan): PlanDocument {
  return planDocument.parse({
    schemaVersion: documentVersion,
    actions: plan.actions,
    unchanged: plan.unchanged,
    errors: plan.errors.map(({ step, error }) => ({ step, error: toEventError(error) })),
    quotas: plan.quotas.map(({ cloud, name, needed, wanted, used, limit }) => ({
      cloud,
      name,
      needed,
      wanted,
      used,
      allowed: limit,
    })),
    cost: costJson(plan.costs),
  })
}

const symbols: Readonly<Record<PlannedAction['action'], string>> = {
  create: '+',
  change: '~',
  replace: '±',
  destroy: '-',
  read: '?',
  run: '>',
}

/** What would be done, step by step, with what would lose data said first and the literal commands last. */
export function planReport(
  plan: Plan,
  options: { readonly columns: number; readonly palette: Palette; readonly verbose: boolean },
): readonly string[] {
  const { columns, palette: colours } = options
  const losses = plan.actions.filter(action => action.destroysData)
  const bySteps = [...Map.groupBy(plan.actions, action => action.step)].flatMap(([step, actions]) => [
    colours.strong(step),
    ...actions.flatMap(action => [
      paint(action, colours)(cut(`  ${symbols[action.action]} ${action.action} ${action.subject}`, columns)),
      ...wrap(action.why, columns, '      '),
    ]),
  ])
  const commands = [
    ...new Set(plan.actions.flatMap(({ command }) => (command === undefined ? [] : [command]))),
  ]
  return [
    ...(losses.length === 0
      ? []
      : [
          colours.bad(`${marks.warn} loses data:`),
          ...losses.map(({ subject }) => colours.bad(`  ${subject}`)),
          '',
        ]),
    ...bySteps,
    ...plan.errors.flatMap(({ step, error }) => [
      colours.bad(`${marks.bad} ${step} could not be planned: ${error.code}`),
      ...wrap(error.message, columns, '    '),
      ...error.remedy.flatMap(line => wrap(`-> ${line}`, columns, '    ')),
    ]),
    ...quotaLines(plan.quotas, options),
    ...(commands.length === 0 ? [] : ['', 'commands:', ...commands.map(command => `  ${command}`)]),
    ...(plan.costs.clouds.length === 0
      ? []
      : ['', ...costTables(plan.costs.clouds, plan.costs.prices, options)]),
    '',
    ...costSummary(plan.costs, options),
    summary(plan, colours),
  ]
}

/** Only those that are too small; the others are in the JSON. */
function quotaLines(
  quotas: readonly QuotaRow[],
  { columns, palette: colours }: { readonly columns: number; readonly palette: Palette },
): readonly string[] {
  const { lacking, tight } = judgeQuotas(quotas)
  const line = ({ cloud, name, wanted, used, limit }: QuotaRow) =>
    wrap(`${marks.warn} ${cloud}: ${name}: ${wanted} wanted, ${limit} allowed, ${used} in use`, columns)
  return [
    ...lacking.flatMap(row => line(row).map(colours.bad)),
    ...tight.flatMap(row => line(row).map(colours.warn)),
  ]
}

function summary(plan: Plan, colours: Palette): string {
  const counts = Map.groupBy(plan.actions, ({ action }) => action)
  const what = [...counts].map(([action, list]) => `${list.length} to ${action}`)
  const unchanged = `${plan.unchanged.length} steps as they should be`
  if (what.length === 0 && plan.errors.length === 0) return colours.good(`Nothing to do: ${unchanged}.`)
  return [...what, unchanged].join(', ')
}

function paint(action: PlannedAction, colours: Palette): (text: string) => string {
  if (action.destroysData || action.action === 'destroy' || action.action === 'replace') return colours.bad
  return action.action === 'create' ? colours.good : colours.warn
}
