import type { CheckRow } from '../../engine/check.ts'
import type { Toolchain, ToolReport } from './toolchain.ts'

/** The tools as rows of `mlp doctor`. A missing one is a warning as long as mlp can get it by itself. */
export async function toolChecks(toolchain: Toolchain): Promise<readonly CheckRow[]> {
  const startedAt = performance.now()
  const reports = await toolchain.report()
  const durationMs = Math.round(performance.now() - startedAt)
  return reports.map(report => ({
    id: `0.all.tool-${report.tool}`,
    phase: 0,
    cloud: 'all',
    title: `${report.tool} ${report.wanted}`,
    status: statusOf(report),
    detail: detailOf(report),
    remedy: report.remedy,
    durationMs,
  }))
}

function statusOf({ origin, obtainable }: ToolReport): CheckRow['status'] {
  if (origin !== 'missing') return 'pass'
  return obtainable ? 'warn' : 'fail'
}

function detailOf({ origin, found, path }: ToolReport): string {
  switch (origin) {
    case 'path':
      return `${found}, found on PATH: ${path}`
    case 'downloaded':
      return `${found}, downloaded and checked: ${path}`
    case 'built':
      return `${found}, built from source: ${path}`
    case 'missing':
      return path === null
        ? 'not here yet'
        : `${path} is ${found ?? 'of an unknown version'}, which does not fit`
  }
}
