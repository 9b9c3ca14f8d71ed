import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { code, text } from '../../../src/cli/report/docs/markdown.ts'
import { renderMarkdown } from '../../../src/cli/report/docs/markdown-html.ts'
import { maskedFacts } from '../../../src/cli/report/docs/masked-facts.ts'
import { docsFiles, unansweredOf } from '../../../src/cli/report/docs/pages.ts'
import { runbookFor } from '../../../src/cli/report/docs/runbook-pages.ts'
import type { Cloud } from '../../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import type { KubeObject } from '../../../src/kube/objects.ts'
import { type CloudFacts, factsOfCloud } from '../../../src/phases/8-readiness/docs-facts.ts'
import type { Context } from '../../../src/phases/phase.ts'

const root = join(import.meta.dirname, '../../..')
const attack = '"><script>alert(1)</script>[x](javascript:alert(2))|`<img src=x onerror=alert(3)>'
const planted = {
  ofCluster: 'planted-in-a-Secret-of-the-cluster',
  ofEnvironment: 'wJalrXUtnFEMI-planted-in-the-environment',
  token: 'eyJhbGciOiJSUzI1NiJ9.eyJwbGFudGVkIjoxfQ.c2lnbmF0dXJlcGxhbnRlZA',
}

const object = (kind: string, name: string, more: object = {}): KubeObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'ml-platform' }, ...more }) as KubeObject
const revision = { 'deployment.kubernetes.io/revision': '1' }
const workload = (name: string, image: string): KubeObject => ({
  ...object('Deployment', name, {
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'x' } },
      template: { spec: { containers: [{ image }] } },
    },
    status: { readyReplicas: 2 },
  }),
  metadata: { name, namespace: 'ml-platform', uid: name, annotations: revision },
})
const objects: Readonly<Record<string, readonly KubeObject[]>> = {
  Secret: [object('Secret', 'keys', { data: { key: Buffer.from(planted.ofCluster).toString('base64') } })],
  Node: [object('Node', 'n', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })],
  Deployment: [workload('api-gateway', `registry.example/${planted.ofCluster}:1`), workload(attack, attack)],
  ReplicaSet: [
    {
      ...object('ReplicaSet', 'set'),
      metadata: {
        name: 'set',
        annotations: revision,
        labels: { 'pod-template-hash': 'h' },
        ownerReferences: [{ uid: 'api-gateway' }],
      },
    },
  ],
  Pod: [object('Pod', 'api-gateway-1', { status: { phase: 'Running' } })],
  PrometheusRule: [
    object('PrometheusRule', 'r', {
      spec: {
        groups: [
          {
            rules: [
              { alert: 'ModelQueueGrows', labels: { severity: 'page' }, annotations: { summary: attack } },
              {
                alert: 'OfOthers',
                annotations: { summary: `token ${planted.token}`, runbook_url: 'javascript:alert(4)' },
              },
            ],
          },
        ],
      },
    }),
  ],
}
const openapi = {
  openapi: '3.1.0',
  info: { title: 'x', version: '1', description: attack },
  paths: {
    '/v2/models/{model}': {
      get: {
        summary: attack,
        parameters: [{ name: 'model', in: 'path', required: true, schema: { type: 'string' } }],
        responses: {
          200: {
            description: `like ${planted.ofEnvironment}`,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Model' } } },
          },
        },
      },
    },
  },
  components: { schemas: { Model: { type: 'object', description: attack } } },
}

const answering: Partial<KubeClient> = {
  version: async () => 'v1.35.4',
  list: async ({ kind }) => objects[kind] ?? [],
  get: async ref => objects['Deployment']?.find(({ metadata }) => metadata.name === ref.name),
  askPod: async () => ({ status: 200, text: JSON.stringify(openapi) }),
}

async function facts(
  name: 'aws' | 'gcp',
  client: Partial<KubeClient>,
): Promise<{ readonly facts: CloudFacts; readonly secrets: readonly Readonly<Record<string, string>>[] }> {
  const cloud: Partial<Cloud> = {
    name,
    title: name === 'aws' ? 'AWS' : 'Google Cloud',
    region: 'us-east-1',
    identity: async () => ({ principal: 'p', account: '123456789012', validity: { kind: 'unknown' } }),
    cluster: async () => ({
      name: 'ml-platform-dev',
      endpoint: 'https://c',
      certificateAuthorityPem: '',
      version: '1.35',
      status: 'ACTIVE',
    }),
    backups: () => {
      throw new MlpError({ code: 'MLP3002', summary: `${name}: the cloud is silent`, remedy: [] })
    },
    async *inventory() {
      yield { type: 'aws_db_instance', id: 'db', name: `db-${attack}`, holdsData: true }
    },
  }
  const context: Partial<Context> = {
    config: defaultSandboxConfig('dev'),
    clouds: new Map([[name, cloud as Cloud]]),
    openKubeClient: () => client as KubeClient,
    signal: new AbortController().signal,
  }
  return await factsOfCloud(context as Context, cloud as Cloud)
}

async function textsIn(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(join(root, folder))).filter(name => /^(?!README).*\.md$/.test(name))
  const read = names.map(
    async name => [name.replace('.md', ''), await readFile(join(root, folder, name), 'utf8')] as const,
  )
  return new Map(await Promise.all(read))
}

async function documentation(clouds: readonly CloudFacts[]) {
  return docsFiles({
    config: { project: 'ml-platform', environment: 'dev', target: 'sandbox' },
    at: '2026-12-01T12:00:00.000Z',
    clouds,
    templates: await textsIn('templates/docs'),
    runbooks: await textsIn('docs/runbooks'),
  })
}

const silent: Partial<KubeClient> = { list: () => Promise.reject(new Error('nobody is there')) }

describe('documentation of a platform', () => {
  test('has no secret in it, whoever said it', async () => {
    const { facts: found, secrets } = await facts('aws', answering)
    const masked = maskedFacts([found], [planted.ofEnvironment], secrets)
    const all = [...(await documentation(masked)).values()].join('\n')
    for (const secret of Object.values(planted)) expect(all).not.toContain(secret)
    expect(all).toContain('registry.example/***')
  })

  test('is Markdown and the same as pages, in which every link leads to something', async () => {
    const files = await documentation([(await facts('aws', answering)).facts])
    const pages = [...files.keys()].filter(path => path.endsWith('.html'))
    expect(pages.toSorted()).toEqual(
      [...files.keys()]
        .filter(path => path.endsWith('.md'))
        .map(path => path.replace(/md$/, 'html'))
        .toSorted(),
    )
    const broken = pages.flatMap(path => {
      const page = files.get(path) ?? ''
      return [...page.matchAll(/href="([^"#:]+)(?:#[^"]*)?"/g)].flatMap(([, href = '']) => {
        const target = posix.join(posix.dirname(path), href)
        return files.has(target) ? [] : [`${path}: ${href}`]
      })
    })
    expect(broken).toEqual([])
    expect(files.get('api/api-gateway.md')).toContain('## `GET /v2/models/{model}`')
    expect(JSON.parse(files.get('api/api-gateway.openapi.json') ?? '')).toEqual(openapi)
  })

  test('loads nothing, runs nothing, and takes no markup from what the world said', async () => {
    const files = await documentation([(await facts('aws', answering)).facts])
    for (const [path, content] of files) {
      if (!/\.(html|svg)$/.test(path)) continue
      const told = `${path} holds markup that a value brought`
      expect(content, told).not.toMatch(/<(script|img|link|iframe)/i)
      expect(content, told).not.toMatch(/href="(?!https:|[\w./#-]*")/)
      expect(content, told).not.toMatch(/<[^>]* (src|onerror)=/)
    }
    expect(files.get('architecture.html')).toContain('&lt;script&gt;')
  })

  test('says what did not answer, and invents nothing of it', async () => {
    const clouds = [(await facts('aws', answering)).facts, (await facts('gcp', silent)).facts]
    const unanswered = unansweredOf(clouds)
    expect(unanswered.filter(each => !each.includes('check “'))).toEqual([
      expect.stringMatching(/^AWS, API of model-serving: model-serving has no pod$/),
      expect.stringMatching(/^AWS, API of data-sync: /),
      expect.stringMatching(/^Google Cloud, cluster: .*nobody is there/),
    ])
    expect(unanswered).toContainEqual(
      expect.stringMatching(/^Google Cloud, check “The cloud backs the database up”: ./),
    )
    const files = await documentation(clouds)
    expect(files.get('index.md')).toMatch(/What did not answer[\s\S]*Google Cloud, cluster/)
    expect(files.get('operations.md')).toMatch(/### Google Cloud\n\nNot known: .*nobody is there/)
    expect(files.get('disaster-recovery.md')).toMatch(/The cloud backs the database up \| not known \|/)
    expect(files.get('api/data-sync.md')).toContain('did not describe itself')
    expect(files.get('architecture.svg')).toContain('Google Cloud, us-east-1: the cluster did not answer.')
  })
})

test('a runbook has the commands of each cluster of this installation', async () => {
  const { facts: aws } = await facts('aws', silent)
  const clouds = [
    { ...aws, context: 'aws-prod' },
    { ...aws, context: 'gcp-prod', title: 'Google Cloud', region: 'europe-west1' },
  ]
  const page = runbookFor(
    'Say `aws-dev`.\n\n```sh\nkubectl --context aws-dev get pods\n```\n\nEnd.\n',
    clouds,
  )
  expect(page).toBe(
    'Say `aws-prod`.\n\nOn AWS, us-east-1:\n\n```sh\nkubectl --context aws-prod get pods\n```\n\n' +
      'On Google Cloud, europe-west1:\n\n```sh\nkubectl --context gcp-prod get pods\n```\n\nEnd.\n',
  )
  expect(runbookFor('```sh\nkubectl --context aws-dev get pods\n```', [clouds[1] ?? aws])).toBe(
    '```sh\nkubectl --context gcp-prod get pods\n```',
  )
})

describe('Markdown as HTML', () => {
  const options = {
    linkTo: (href: string) => (href.startsWith('https:') ? href : undefined),
    image: () => ({ markup: '' }),
  }
  const shown = (markdown: string) => renderMarkdown(markdown, options).markup.trim()

  test.each([
    ['# A `b`', '<h1 id="a-b">A <code>b</code></h1>'],
    ['one\ntwo **three**', '<p>one two <strong>three</strong></p>'],
    ['- a\n  b\n- c', '<ul>\n<li>a b</li>\n<li>c</li>\n</ul>'],
    ['1. a\n2. b', '<ol>\n<li>a</li>\n<li>b</li>\n</ol>'],
    ['[a](https://b.example)', '<p><a href="https://b.example">a</a></p>'],
    ['[a](javascript:b)', '<p>[a](javascript:b)</p>'],
    ['<b>', '<p>&lt;b&gt;</p>'],
    ['a \\*b\\* ``c`d``', '<p>a *b* <code>c`d</code></p>'],
  ])('%j', (markdown, expected) => {
    expect(shown(markdown)).toBe(expected)
  })

  test.each([attack, 'a*b_c', '``', 'a\\', '|', '[a]', '# a', '&lt;'])(
    'a value stays what it is: %j',
    value => {
      const bare = (markup: string) =>
        markup
          .replace(/^<p>x ?/, '')
          .replace(/<\/p>$/, '')
          .replace(/<\/?code>/g, '')
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>')
          .replaceAll('&quot;', '"')
          .replaceAll('&#39;', "'")
          .replaceAll('&amp;', '&')
          .trim()
      expect(bare(shown(`x ${text(value)}`))).toBe(value)
      expect(bare(shown(`x ${code(value)}`))).toBe(value)
      expect(
        shown(`| a | b |\n| --- | --- |\n| ${text(value)} | ${code(value)} |`).match(/<td>/g),
      ).toHaveLength(1)
    },
  )
})
