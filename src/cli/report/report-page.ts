import { duration } from '../../engine/durations.ts'
import { type Content, type Html, html } from './html.ts'
import { page } from './page.ts'
import type { RunRecord } from './run-record.ts'
import { commandsSection, leftoversSection, remarksSection } from './sections.ts'
import { checksSection, failuresSection, stepsSection } from './steps-sections.ts'

/** A run as one HTML document; everything that came from outside is escaped. */
export function reportPage(record: RunRecord): string {
  const heading = headingOf(record)
  const header = html`<h1>${heading.markup}</h1>
${summary(record)}`
  const sections = [
    failuresSection(record),
    leftoversSection(record),
    stepsSection(record),
    checksSection(record),
    remarksSection(record),
    commandsSection(record),
  ]
  return page(heading.text, header, sections)
}

const results: Readonly<Record<string, { readonly words: string; readonly tone: string }>> = {
  ok: { words: 'done', tone: 'good' },
  failed: { words: 'failed', tone: 'bad' },
  refused: { words: 'refused', tone: 'warn' },
  interrupted: { words: 'interrupted', tone: 'warn' },
}

function headingOf({ started, finished }: RunRecord): { readonly text: string; readonly markup: Html } {
  const { words, tone } = results[finished?.result ?? ''] ?? { words: 'did not end', tone: 'bad' }
  const command = started === undefined ? 'mlp' : `mlp ${started.command}`
  return { text: `${command}: ${words}`, markup: html`${command}: <span class="${tone}">${words}</span>` }
}

function summary(record: RunRecord): Html {
  const { started, finished } = record
  const rows: (readonly [string, Content])[] = []
  if (started !== undefined) {
    rows.push(['Platform', `${started.project}, environment ${started.environment}`])
    rows.push([
      'Target',
      started.target === 'sandbox' ? 'sandbox: simulated clouds on this machine' : started.target,
    ])
  }
  rows.push(['Began', instant(record.firstAt)], ['Ended', instant(record.lastAt)])
  rows.push(['Took', duration(finished?.durationMs ?? record.lastAt - record.firstAt)])
  rows.push([
    'Steps',
    finished === undefined ? 'the run was cut short before it could count them' : counts(record),
  ])
  if (started !== undefined) rows.push(['Run', html`<code>${started.runId}</code>`])
  if (started !== undefined && finished?.result !== 'ok') {
    rows.push([
      'Next',
      html`<code>${started.typed ?? `mlp ${started.command}`}</code> goes on where this run stopped`,
    ])
  }
  return html`<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
}

function counts({ finished, steps }: RunRecord): string {
  if (finished === undefined) return ''
  const blocked = [...steps.values()].filter(({ state }) => state === 'blocked').length
  return [
    `${finished.done} done`,
    `${finished.skipped} already there`,
    `${finished.failed} failed`,
    ...(blocked > 0 ? [`${blocked} blocked`] : []),
  ]
    .join(', ')
    .concat(` of ${finished.total}`)
}

function instant(at: number): Html {
  const iso = new Date(at).toISOString()
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`
}
