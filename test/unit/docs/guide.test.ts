import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { phases } from '../../../src/phases/index.ts'

const root = new URL('../../../', import.meta.url)
const guide = readFileSync(new URL('docs/guide-original.md', root), 'utf8').split('\n')
const rows = readFileSync(new URL('docs/guide.md', root), 'utf8')
  .split('\n')
  .flatMap(line => {
    const cells = line.split(' | ').map(cell => cell.replace(/^\|\s*|\s*\|$/g, '').trim())
    const range = /^(\d+)(?:-(\d+))?$/.exec(cells[0] ?? '')
    if (range === null) return []
    return [
      {
        from: Number(range[1]),
        to: Number(range[2] ?? range[1]),
        outcome: cells[2] ?? '',
        by: cells[3] ?? '',
        why: cells[4] ?? '',
      },
    ]
  })

describe('docs/guide.md', () => {
  it('maps every line of the guide exactly once', () => {
    const uncovered = guide.flatMap((text, index) => {
      const times = rows.filter(({ from, to }) => index + 1 >= from && index + 1 <= to).length
      return (text.trim() !== '' && times === 0) || times > 1 ? [`${index + 1} (${times}x): ${text}`] : []
    })
    expect(uncovered).toEqual([])
  })

  it('knows only its five outcomes, and gives a reason for what it replaces or refuses', () => {
    for (const row of rows) expect(['step', 'replaced', 'refused', 'coming', 'text']).toContain(row.outcome)
    expect(
      rows.filter(({ outcome, why }) => ['replaced', 'refused'].includes(outcome) && why === ''),
    ).toEqual([])
    expect(
      rows.filter(({ outcome, by }) => ['step', 'replaced', 'coming'].includes(outcome) && by === ''),
    ).toEqual([])
  })

  it('names only steps that exist', () => {
    const config = defaultSandboxConfig()
    const steps = new Set<string>(phases.flatMap(phase => phase.steps(config).map(({ id }) => id)))
    const named = rows.flatMap(({ by }) =>
      [...by.matchAll(/`(\d\.[a-z]+\.[a-z-]+)`/g)].flatMap(match => match[1] ?? []),
    )
    const checks = new Set(['cluster', 'buckets', 'storage'])
    expect(named.filter(id => !steps.has(id) && !checks.has(id.split('.')[2] ?? ''))).toEqual([])
  })

  it('says "coming" only of phases that are not there, or not whole', () => {
    const begun = new Set(['phase 8'])
    const there = new Set(phases.map(({ number }) => `phase ${number}`).filter(phase => !begun.has(phase)))
    expect(rows.filter(({ outcome, by }) => outcome === 'coming' && there.has(by))).toEqual([])
  })
})
