import type { AlertFacts, CloudFacts } from '../../../phases/8-readiness/docs-facts.ts'
import { code, mdTable, text } from './markdown.ts'

/** What the runbooks of the repository are written for. */
const writtenFor = 'aws-dev'

/**
 * A runbook for this installation: each block of commands once for each of its clusters, by their contexts. Within a
 * sentence the first cluster stands for all.
 */
export function runbookFor(runbook: string, clouds: readonly CloudFacts[]): string {
  const contexts = clouds.map(({ context, title, region }) => ({ context, where: `${title}, ${region}` }))
  const [first] = contexts
  if (first === undefined) return runbook
  const parts = runbook.split(/^(```sh\n[\s\S]*?^```)$/m)
  return parts
    .map(part => {
      if (!part.startsWith('```sh') || !part.includes(writtenFor) || contexts.length === 1)
        return part.replaceAll(writtenFor, first.context)
      return contexts
        .map(({ context, where }) => `On ${text(where)}:\n\n${part.replaceAll(writtenFor, context)}`)
        .join('\n\n')
    })
    .join('')
}

export interface Runbooks {
  /** By path below `runbooks/`. */
  readonly pages: ReadonlyMap<string, string>
  readonly index: string
}

/** One page an alert that is loaded in some cluster, or that the repository has a runbook for; and a list of them. */
export function runbookPages(sources: ReadonlyMap<string, string>, clouds: readonly CloudFacts[]): Runbooks {
  const loaded = new Map<string, AlertFacts & { readonly where: readonly string[] }>()
  for (const { inside, context } of clouds) {
    for (const alert of 'value' in inside ? inside.value.alerts : []) {
      const known = loaded.get(alert.name)
      const where = [...new Set([...(known?.where ?? []), context])]
      loaded.set(alert.name, { ...alert, where })
    }
  }
  const ours = [...sources.keys()].toSorted()
  const others = [...loaded.values()].filter(({ name }) => !sources.has(name))
  const silent = clouds.filter(({ inside }) => !('value' in inside))
  const row = (name: string) => {
    const alert = loaded.get(name)
    const where =
      alert === undefined
        ? silent.length > 0
          ? 'not known: a cluster did not answer'
          : '**in no cluster**'
        : alert.where.map(code).join(', ')
    return [`[${text(name)}](${name}.md)`, text(alert?.severity ?? ''), text(alert?.summary ?? ''), where]
  }
  const index = [
    '# Runbooks',
    'One page an alert: what it means, what to look at, what it mostly is, when it is over. Commands are those of this installation; words in capitals are to be replaced.',
    mdTable(['Alert', 'Severity', 'What it says', 'Loaded in'], ours.map(row)),
    ...(others.length === 0
      ? []
      : [
          '## Alerts of others',
          'Loaded in the clusters, and not of this platform: what they link to explains them.',
          mdTable(
            ['Alert', 'Severity', 'What it says', 'Runbook'],
            others.map(({ name, severity, summary, runbook }) => [
              code(name),
              text(severity),
              text(summary),
              /^https:\/\/[\w./#%-]+$/.test(runbook) ? `[${text(runbook)}](${runbook})` : text(runbook),
            ]),
          ),
        ]),
  ].join('\n\n')
  const pages = new Map(
    ours.map(name => [`${name}.md`, runbookFor(sources.get(name) ?? '', clouds)] as const),
  )
  return { pages, index: `${index}\n` }
}
