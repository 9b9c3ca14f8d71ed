// What the unit suite's last run reached in each folder of src/, and what vitest.config.ts asks of it.
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import config from '../vitest.config.ts'

const root = join(import.meta.dirname, '..')

/** @returns {string} a table, or why there is none */
export function coverageTable() {
  const summaryFile = join(root, 'coverage/coverage-summary.json')
  if (!existsSync(summaryFile)) return 'coverage: no figures, since the unit suite did not come to its end'
  const summary = JSON.parse(readFileSync(summaryFile, 'utf8'))
  const files = Object.entries(summary).filter(([file]) => file !== 'total')
  const folders = Map.groupBy(files, ([file]) => relative(root, file).split('/').slice(0, 2).join('/'))
  const rows = [...folders].map(([folder, members]) => {
    const reached = kind => {
      const sum = field => members.reduce((total, [, figures]) => total + figures[kind][field], 0)
      return `${((100 * sum('covered')) / Math.max(1, sum('total'))).toFixed(1)} %`
    }
    const wanted = config.test?.coverage?.thresholds?.[`${folder}/**`]?.branches
    return [folder, reached('branches'), wanted === undefined ? '' : `${wanted} %`, reached('lines')]
  })
  return [['coverage, unit suite', 'branches', 'at least', 'lines'], ...rows]
    .map(([folder, ...figures]) => `${folder.padEnd(21)}${figures.map(text => text.padStart(9)).join('')}`)
    .join('\n')
}
