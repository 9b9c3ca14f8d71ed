import { dirname, isAbsolute, join } from 'node:path'
import { type ChartSource, type FoundChart, findChart } from '../../tools/charts/find-chart.ts'
import { type ChartPin, readChartPin } from '../../tools/charts/pinned-charts.ts'
import type { Context } from '../phase.ts'
import { chartName } from './names.ts'

type ChartContext = Pick<Context, 'config' | 'templates' | 'platformFolder' | 'target' | 'signal'>

/** Wins over mlp.yaml: a machine without the internet has its charts somewhere of its own. */
const sourceVariable = 'MLP_CHART_SOURCE'
/** In a target's environment: charts for where the official ones cannot be had. No cloud sets it. */
const standInsVariable = 'MLP_STAND_IN_CHARTS'

export async function pinnedChart({ templates }: Pick<Context, 'templates'>): Promise<ChartPin> {
  return await readChartPin(dirname(templates), chartName)
}

export function chartSource({ config, platformFolder }: ChartContext): ChartSource {
  const named = process.env[sourceVariable] || config.monitoring?.chart
  if (named === undefined) return { kind: 'official' }
  if (/^https?:\/\//.test(named)) return { kind: 'mirror', url: named }
  return { kind: 'path', path: isAbsolute(named) ? named : join(platformFolder, named) }
}

export async function getChart(
  context: ChartContext,
  report: (message: string) => void,
): Promise<FoundChart> {
  return await findChart({
    chart: chartName,
    pin: await pinnedChart(context),
    source: chartSource(context),
    standIns: context.target.environment[standInsVariable],
    environment: process.env,
    signal: context.signal,
    report,
  })
}

/** Whether what was installed is what would be installed now, as far as that is known without a repository. */
export async function isWantedChart(
  context: ChartContext,
  installed: { readonly chart: string | undefined; readonly origin: string | undefined },
): Promise<boolean> {
  const source = chartSource(context)
  // Where a chart stands in for one that could not be had, only --force asks for that again.
  if (installed.origin === 'stand-in')
    return source.kind !== 'path' && context.target.environment[standInsVariable] !== undefined
  const digest =
    source.kind === 'path' ? (await getChart(context, () => {})).digest : (await pinnedChart(context)).sha256
  return installed.chart === chartMark(digest)
}

/** Labels hold at most 63 characters. */
export function chartMark(digest: string): string {
  return digest.slice(0, 16)
}
