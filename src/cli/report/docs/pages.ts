import type { Config } from '../../../config/schema.ts'
import type { CloudFacts, Told } from '../../../phases/8-readiness/docs-facts.ts'
import { apiPage } from './api-page.ts'
import { diagram } from './diagram.ts'
import { code, filled, mdTable, text } from './markdown.ts'
import { runbookPages } from './runbook-pages.ts'
import { sitePages } from './site.ts'

export interface DocsOptions {
  readonly config: Pick<Config, 'project' | 'environment' | 'target'>
  readonly at: string
  readonly clouds: readonly CloudFacts[]
  /** templates/docs, by name without `.md`. */
  readonly templates: ReadonlyMap<string, string>
  /** docs/runbooks, by alert. */
  readonly runbooks: ReadonlyMap<string, string>
}

/** What did not answer, in words. */
export function unansweredOf(clouds: readonly CloudFacts[]): readonly string[] {
  return clouds.flatMap(({ title, account, cluster, resources, inside, recovery }) => {
    const parts: readonly (readonly [string, Told<unknown>])[] = [
      ['account', account],
      ['cluster, as the cloud tells of it', cluster],
      ['list of resources', resources],
      ['cluster', inside],
      ...apisOf(inside),
      ...recovery.map(({ title: what, answer }) => [`check “${what}”`, answer] as const),
    ]
    return parts.flatMap(([what, told]) => ('problem' in told ? [`${title}, ${what}: ${told.problem}`] : []))
  })
}

function apisOf(inside: CloudFacts['inside']): readonly (readonly [string, Told<unknown>])[] {
  if ('problem' in inside) return []
  return inside.value.apis.map(({ service, document }) => [`API of ${service}`, document] as const)
}

/** Every file of the documentation, by path: Markdown, and the same as a site. Asks nobody. */
export function docsFiles(options: DocsOptions): ReadonlyMap<string, string> {
  const { config, at, clouds } = options
  const title = `${config.project}, ${config.environment}`
  const { pages: runbooks, index: runbookIndex } = runbookPages(options.runbooks, clouds)
  const apis = apiPages(clouds)
  const template = (name: string, values: Readonly<Record<string, string>>) =>
    filled(options.templates.get(name) ?? '', {
      title: text(title),
      at: minute(at),
      env: config.environment === 'dev' ? '' : ` --env ${config.environment}`,
      ...values,
    })
  const menu: readonly (readonly [string, string])[] = [
    ['index.md', 'Overview'],
    ['architecture.md', 'Architecture'],
    ['operations.md', 'Operations guide'],
    ['disaster-recovery.md', 'Disaster recovery'],
    ['runbooks/README.md', 'Runbooks'],
    ...apis.pages.map(({ service }) => [`api/${service}.md`, `API: ${service}`] as const),
  ]
  const files = new Map<string, string>([
    ['index.md', template('index', indexValues(options, menu))],
    ['architecture.svg', diagram(clouds, `${title}: architecture`)],
    ['architecture.md', template('architecture', { inventory: clouds.map(inventoryOf).join('\n\n') })],
    ['operations.md', template('operations', operationsValues(options))],
    ['disaster-recovery.md', template('disaster-recovery', recoveryValues(options))],
    ['runbooks/README.md', runbookIndex],
    ...[...runbooks].map(([name, page]) => [`runbooks/${name}`, page] as const),
    ...apis.pages.map(({ service, page }) => [`api/${service}.md`, page] as const),
    ...apis.documents,
  ])
  const footer = `${title}: made by mlp on ${minute(at)}, of what clouds and clusters said then.`
  return new Map([...files, ...sitePages({ title, footer, files, menu })])
}

function indexValues({ config, clouds }: DocsOptions, menu: readonly (readonly [string, string])[]) {
  const unanswered = unansweredOf(clouds)
  const sandbox = config.target === 'sandbox'
  return {
    'target-note': sandbox
      ? ' **This is a sandbox: its clouds are simulated on one machine.** Much else is simulated there, too; `mlp sandbox status` lists it.'
      : '',
    unanswered:
      unanswered.length === 0
        ? 'Everything that was asked answered.'
        : `## What did not answer\n\nThese pages say nothing of it.\n\n${unanswered.map(each => `- ${text(each)}`).join('\n')}`,
    clouds: mdTable(
      ['Cloud', 'Region', 'Account', 'Cluster', 'Kubernetes', 'Nodes ready', 'kubectl context'],
      clouds.map(({ title, region, account, cluster, inside, context }) => [
        text(title),
        code(region),
        cell(account, code),
        cell(cluster, ({ name, status }) => `${code(name)} ${text(status)}`),
        cell(inside, ({ version }) => code(version)),
        cell(inside, ({ nodes }) => {
          const simulated = nodes.simulated > 0 ? `, ${nodes.simulated} simulated` : ''
          return `${nodes.ready} of ${nodes.all}${simulated}`
        }),
        code(context),
      ]),
    ),
    pages: menu
      .slice(1)
      .map(([path, words]) => `- [${text(words)}](${path})`)
      .join('\n'),
  }
}

function operationsValues({ config, clouds }: DocsOptions) {
  const each = (command: (context: string) => string) =>
    clouds.map(({ context }) => command(context)).join('\n')
  return {
    kubeconfig: `.mlp/${config.target}/${config.project}-${config.environment}/kubeconfig`,
    'context-commands': each(context => `kubectl --context ${context} get nodes`),
    'prometheus-commands': each(
      context =>
        `kubectl --context ${context} --namespace monitoring port-forward service/prometheus-kube-prometheus-prometheus 9090`,
    ),
    'log-commands': each(
      context =>
        `kubectl --context ${context} --namespace ml-platform logs deployment/api-gateway --since 10m`,
    ),
    'some-cloud': clouds.at(-1)?.name ?? 'aws',
    workloads: clouds.map(workloadsOf).join('\n\n'),
    entrances: mdTable(
      ['Cloud', 'Service', 'Addresses'],
      clouds.flatMap(({ title, inside }) =>
        'problem' in inside
          ? [[text(title), 'not known', text(inside.problem)]]
          : inside.value.entrances.map(({ name, addresses }) => [
              text(title),
              code(name),
              addresses.length === 0 ? 'none yet' : addresses.map(code).join(', '),
            ]),
      ),
    ),
  }
}

function workloadsOf({ title, inside }: CloudFacts): string {
  const heading = `### ${text(title)}`
  if ('problem' in inside) return `${heading}\n\nNot known: ${text(inside.problem)}`
  const rows = inside.value.workloads.map(({ namespace, kind, name, ready, wanted, images }) => [
    `${code(`${namespace}/${name}`)}`,
    text(kind),
    ready < wanted ? `**${ready}/${wanted}**` : `${ready}/${wanted}`,
    images.map(image => code(image)).join(', '),
  ])
  return `${heading}\n\n${mdTable(['What', 'Kind', 'Ready', 'Images'], rows)}`
}

function recoveryValues({ config, clouds }: DocsOptions) {
  const environment = config.environment === 'dev' ? '' : ` --env ${config.environment}`
  const [first] = clouds
  return {
    'drill-note':
      config.target === 'sandbox'
        ? 'These ways were tried on simulated clouds at most: **never on real ones**.'
        : 'mlp keeps no record here of a drill on these clouds: try it before you need it.',
    data: clouds
      .map(({ title, resources }) => {
        if ('problem' in resources) return `### ${text(title)}\n\nNot known: ${text(resources.problem)}`
        const rows = resources.value
          .filter(({ holdsData }) => holdsData)
          .map(({ name, type, id }) => [code(name), code(type), code(id)])
        return `### ${text(title)}\n\n${rows.length === 0 ? 'Nothing that holds data was found.' : mdTable(['Name', 'Type', 'Id'], rows)}`
      })
      .join('\n\n'),
    'cluster-commands': clouds.map(({ name }) => `mlp bootstrap --cloud ${name}${environment}`).join('\n'),
    'other-clouds':
      clouds.length > 1
        ? 'Meanwhile the other clouds answer: take the address of the lost one out of DNS, or let the health checks of the global name do so.'
        : 'There is one cloud only: nothing answers meanwhile.',
    'region-commands': [
      `mlp verify${environment}`,
      ...(clouds.length > 1 && first !== undefined
        ? [
            `mlp teardown --cloud ${first.name}${environment}   # once it answers again, and is not to come back`,
          ]
        : [
            `mlp bootstrap${environment}   # with another region in mlp.yaml: a new platform, without the data`,
          ]),
    ].join('\n'),
    objectives: clouds.map(recoveryOf).join('\n\n'),
  }
}

const verdicts = { pass: 'yes', warn: 'not quite', fail: '**no**', error: 'not known' } as const

function recoveryOf({ title, recovery }: CloudFacts): string {
  const rows = recovery.map(({ title: what, answer }) =>
    'problem' in answer
      ? [text(what), 'not known', text(answer.problem)]
      : [text(what), verdicts[answer.value.status], text(answer.value.detail)],
  )
  return `### Seen on ${text(title)}\n\n${mdTable(['What', 'So?', 'What was seen'], rows)}`
}

function inventoryOf({ title, resources }: CloudFacts): string {
  const heading = `## Resources on ${text(title)}`
  if ('problem' in resources) return `${heading}\n\nNot known: ${text(resources.problem)}`
  const rows = resources.value
    .toSorted((a, b) => `${a.type}/${a.name}`.localeCompare(`${b.type}/${b.name}`))
    .map(({ name, type, holdsData, keptBecause }) => [
      code(name),
      code(type),
      holdsData ? 'yes' : '',
      text(keptBecause ?? ''),
    ])
  return `${heading}\n\n${rows.length} were found.\n\n${mdTable(['Name', 'Type', 'Holds data', 'A teardown keeps it because'], rows)}`
}

/** From the first cloud where the service told of itself; another version elsewhere is said. */
function apiPages(clouds: readonly CloudFacts[]) {
  const answers = clouds.flatMap(({ title, inside }) =>
    'problem' in inside ? [] : inside.value.apis.map(each => ({ ...each, title })),
  )
  const services = [
    ...new Set(['api-gateway', 'model-serving', 'data-sync', ...answers.map(({ service }) => service)]),
  ]
  const documents: (readonly [string, string])[] = []
  const pages = services.map(service => {
    const its = answers.filter(each => each.service === service)
    const told = its.flatMap(({ document, title }) =>
      'value' in document
        ? [{ title, document: document.value, json: JSON.stringify(document.value, undefined, 2) }]
        : [],
    )
    const [first] = told
    if (first === undefined) {
      const why = its.flatMap(({ document, title }) =>
        'problem' in document ? [`- ${text(title)}: ${text(document.problem)}`] : [],
      )
      const list = why.length === 0 ? '- no cluster answered' : why.join('\n')
      return {
        service,
        page: `# API of ${text(service)}\n\nIt did not describe itself, so there is nothing here:\n\n${list}\n`,
      }
    }
    documents.push([`api/${service}.openapi.json`, `${first.json}\n`])
    const differing = told.filter(({ json }) => json !== first.json).map(({ title }) => title)
    const from = `on ${first.title}${differing.length === 0 ? '' : ` (it says something else on ${differing.join(' and ')}: another version runs there)`}`
    return { service, page: apiPage(service, first.document, from) }
  })
  return { pages, documents }
}

function cell<T>(told: Told<T>, show: (value: T) => string): string {
  return 'problem' in told ? 'no answer' : show(told.value)
}

function minute(instant: string): string {
  return `${instant.slice(0, 16).replace('T', ' ')} UTC`
}
