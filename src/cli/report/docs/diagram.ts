import type { CloudFacts, ClusterFacts } from '../../../phases/8-readiness/docs-facts.ts'
import { type Html, html } from '../html.ts'

const column = { width: 380, gap: 40, top: 96 } as const
const line = 18
const longestName = 36
const ours: ReadonlySet<string> = new Set(['ml-platform', 'ml-serving', 'monitoring', 'istio-system'])

/** What holds data or lets people in, by words in the clouds' own names of types. The rest is counted. */
const kinds: readonly (readonly [title: string, words: RegExp])[] = [
  ['Databases', /db_instance|sql_database_instance|postgresql_flexible_server$|mssql_server$|rds:db$/i],
  ['Caches', /elasticache_replication_group|replicationgroup|redis/i],
  ['Buckets', /s3_bucket$|storage_bucket$|storage_container$|s3:bucket|storage_account$/i],
  ['Registries', /ecr_repository|artifact_registry_repository|container_registry$/i],
  ['Networks', /aws_vpc$|compute_network$|virtual_network$/i],
  ['Load balancers', /_lb$|forwarding_rule|loadbalancer|load_balancer/i],
]

interface Drawn {
  readonly markup: Html
  readonly height: number
}

/**
 * The platform as it was found, one column a cloud: who is in the cluster, what lies beside it. What did not answer is
 * drawn as a question. One SVG without a script; light or dark as the reader has it.
 */
export function diagram(clouds: readonly CloudFacts[], title: string): string {
  const columns = clouds.map(cloudColumn)
  const height = column.top + Math.max(0, ...columns.map(each => each.height)) + 20
  const width = Math.max(1, clouds.length) * (column.width + column.gap) + column.gap
  const left = (index: number) => column.gap + index * (column.width + column.gap)
  const drawing = columns.map(
    ({ markup }, index) => html`<g transform="translate(${left(index)} ${column.top})">${markup}</g>\n`,
  )
  const ways = clouds.map((_, index) => {
    const x = left(index) + column.width / 2
    return html`<path class="way" d="M${width / 2} 52 V68 H${x} V${column.top}"/>\n`
  })
  const between = clouds.slice(1).map((_, index) => {
    const x = left(index) + column.width
    const y = column.top + 78
    return html`<path class="mesh" d="M${x} ${y} h${column.gap}"/><text class="small" x="${x + column.gap / 2}" y="${y - 6}" text-anchor="middle">mesh</text>\n`
  })
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="diagram-title diagram-told">
<title id="diagram-title">${title}</title>
<desc id="diagram-told">${clouds.map(told).join(' ')}</desc>
<style>${{ markup: style }}</style>
<rect class="page" width="${width}" height="${height}"/>
<rect class="box" x="${width / 2 - 90}" y="16" width="180" height="36" rx="6"/>
<text x="${width / 2}" y="39" text-anchor="middle">Clients</text>
${ways}${between}${drawing}</svg>
`.markup
}

function told({ title, region, inside }: CloudFacts): string {
  if ('problem' in inside) return `${title}, ${region}: the cluster did not answer.`
  const { nodes, workloads } = inside.value
  const names = workloads.filter(({ namespace }) => ours.has(namespace)).map(({ name }) => name)
  return `${title}, ${region}: ${nodes.ready} of ${nodes.all} nodes ready; ${names.join(', ')}.`
}

function cloudColumn(cloud: CloudFacts): Drawn {
  const cluster = clusterBox(cloud)
  const beside = besideBox(cloud)
  const height = 56 + cluster.height + 12 + beside.height + 14
  return {
    height,
    markup: html`<rect class="box" width="${column.width}" height="${height}" rx="8"/>
<text class="head" x="14" y="24">${short(cloud.title, 32)}</text>
<text class="small" x="14" y="43">${short(`${cloud.region}, ${'value' in cloud.account ? cloud.account.value : 'account: no answer'}`, 44)}</text>
<g transform="translate(14 56)">${cluster.markup}</g>
<g transform="translate(14 ${56 + cluster.height + 12})">${beside.markup}</g>`,
  }
}

function clusterBox({ cluster, inside }: CloudFacts): Drawn {
  const name =
    'value' in cluster ? `Kubernetes ${cluster.value.name}` : 'Kubernetes: the cloud did not answer'
  const lines: Line[] =
    'problem' in inside
      ? [{ words: `? ${inside.problem}`, tone: 'bad' }]
      : [{ words: nodesOf(inside.value), tone: 'small' }, ...workloadLines(inside.value)]
  return box(name, lines)
}

function nodesOf({ version, nodes }: ClusterFacts): string {
  const simulated = nodes.simulated > 0 ? `, ${nodes.simulated} of them simulated` : ''
  return `${version}, ${nodes.ready} of ${nodes.all} nodes ready${simulated}`
}

interface Line {
  readonly words: string
  readonly tone: '' | 'small' | 'bad' | 'strong'
}

function workloadLines({ workloads }: ClusterFacts): readonly Line[] {
  const byNamespace = Map.groupBy(workloads, ({ namespace }) => namespace)
  const shown = [...byNamespace].filter(([namespace]) => ours.has(namespace))
  const others = workloads.filter(({ namespace }) => !ours.has(namespace)).length
  return [
    ...shown.flatMap(([namespace, members]): readonly Line[] => [
      { words: namespace, tone: 'strong' },
      ...members.map(({ name, ready, wanted }): Line => {
        const isShort = ready < wanted
        return { words: `  ${short(name, longestName)}  ${ready}/${wanted}`, tone: isShort ? 'bad' : '' }
      }),
    ]),
    ...(others === 0 ? [] : [{ words: `${others} more in other namespaces`, tone: 'small' } as const]),
  ]
}

function besideBox({ resources }: CloudFacts): Drawn {
  if ('problem' in resources) return box('Beside it', [{ words: `? ${resources.problem}`, tone: 'bad' }])
  const all = resources.value
  const grouped = kinds.flatMap(([title, words]): readonly Line[] => {
    const names = all.filter(({ type }) => words.test(type)).map(({ name }) => name)
    return names.length === 0
      ? []
      : [{ words: title, tone: 'strong' }, ...names.map((name): Line => ({ words: `  ${name}`, tone: '' }))]
  })
  const rest = all.filter(({ type }) => !kinds.some(([, words]) => words.test(type))).length
  return box('Beside it', [...grouped, { words: `${rest} more resources: see the table`, tone: 'small' }])
}

function box(title: string, lines: readonly Line[]): Drawn {
  const height = 30 + lines.length * line + 8
  return {
    height,
    markup: html`<rect class="inner" width="${column.width - 28}" height="${height}" rx="6"/>
<text class="strong" x="10" y="21">${short(title, 38)}</text>
${lines.map(({ words, tone }, index) => html`<text class="${tone}" x="10" y="${42 + index * line}">${short(words, tone === 'small' ? 56 : 46)}</text>\n`)}`,
  }
}

/** A name that is cut shows that it is; the table has it whole. */
function short(words: string, most: number): string {
  return words.length <= most ? words : `${words.slice(0, most - 1)}…`
}

const style = `
svg { --d-text: #1b1f24; --d-quiet: #57606a; --d-page: #ffffff; --d-box: #f4f6f8; --d-line: #8c959f; --d-bad: #a40e26; }
@media (prefers-color-scheme: dark) { svg { --d-text: #e6edf3; --d-quiet: #9da7b3; --d-page: #0d1117; --d-box: #161b22; --d-line: #6e7681; --d-bad: #ff8e87; } }
.page { fill: var(--d-page); }
.box { fill: var(--d-box); stroke: var(--d-line); }
.inner { fill: var(--d-page); stroke: var(--d-line); }
.way, .mesh { fill: none; stroke: var(--d-line); stroke-width: 1.5; }
.mesh { stroke-dasharray: 4 3; }
svg text { font: 13px system-ui, sans-serif; fill: var(--d-text); white-space: pre; }
svg text.small { font-size: 12px; fill: var(--d-quiet); }
svg text.head { font-size: 16px; font-weight: 600; }
svg text.strong { font-weight: 600; }
svg text.bad { fill: var(--d-bad); }
`
