import { createReadStream } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { createBundleMask, endOf, secretsOfData } from '../../../src/cli/support-bundle/masks.ts'
import { bundleName, writeSupportBundle } from '../../../src/cli/support-bundle/support-bundle.ts'
import type { Cloud } from '../../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import type { CheckRow } from '../../../src/engine/check.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import type { KubeObject } from '../../../src/kube/objects.ts'
import type { Context } from '../../../src/phases/phase.ts'
import { temporaryFolder } from '../engine/support.ts'

/** Each of another kind, and none of them may leave the machine. */
const planted = {
  environment: 'wJalrXUtnFEMI-planted-in-the-environment',
  ofTarget: 'planted-with-the-target-0001',
  ofCluster: 'planted-in-a-Secret-of-the-cluster',
  inAlertmanager: 'T0planted1Xy2Zw3AbCdEfGh',
  token: `eyJhbGciOiJSUzI1NiJ9.eyJwbGFudGVkIjoxfQ.c2lnbmF0dXJlcGxhbnRlZA`,
  gitHub: 'ghp_plantedplantedplantedplanted0001',
  accessKey: 'AKIAPLANTEDPLANTED00',
  password: 'planted-"quoted"-password',
  ofAddress: 'planted-of-address',
  keyBody: 'MIIEvPlantedPlantedPlantedPlantedPlanted',
  sas: 'plantedsignature%2Babc',
}
const key = `-----BEGIN PRIVATE KEY-----\n${planted.keyBody}\n-----END PRIVATE KEY-----`
const leaks = [
  `export AWS_SECRET_ACCESS_KEY=${planted.environment}`,
  Buffer.from(`user:${planted.environment}`).toString('base64'),
  `helm said ${planted.ofTarget}`,
  `a pod said ${planted.ofCluster} and ${planted.inAlertmanager}`,
  `kubectl --token ${planted.token}`,
  `remote: https://x:${planted.gitHub}@github.com`,
  planted.accessKey,
  JSON.stringify({ dbPassword: planted.password, user: 'mlflow' }),
  `postgresql://mlflow:${planted.ofAddress}@db.example.com/mlflow`,
  key,
  JSON.stringify({ key }),
  `https://account.blob.core.windows.net/c?sv=1&sig=${planted.sas}&se=2`,
]

const base64 = (text: string) => Buffer.from(text).toString('base64')
const objects: Readonly<Record<string, readonly KubeObject[]>> = {
  Secret: [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'ml-platform' },
      data: {
        key: base64(planted.ofCluster),
        project: base64('my-own-project-in-config'),
        'alertmanager.yaml': base64(`receivers:\n- name: chat\n  url: ${planted.inAlertmanager}\n`),
      },
    },
  ],
  Event: [
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'ml-platform' },
      reason: 'BackOff',
      message: `restarting, it was given ${planted.ofCluster}`,
      involvedObject: { kind: 'Pod', name: 'api-gateway-1' },
    },
  ],
  Pod: [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'api-gateway-1', namespace: 'ml-platform' },
      spec: { containers: [{ name: 'c', env: [{ name: 'WORD', value: 'of-a-specification' }] }] },
      status: { phase: 'Running', containerStatuses: [{ name: 'c', state: { waiting: {} } }] },
    },
  ],
  Node: [{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } }],
}
const answering: Partial<KubeClient> = {
  version: async () => 'v1.35.4',
  list: async ({ kind }) => objects[kind] ?? [],
  probe: async () => ({ status: 200, text: `starting with ${planted.ofCluster}\ncannot reach the database` }),
}
const rows: readonly CheckRow[] = [
  {
    id: '3.aws.rollouts',
    phase: 3,
    cloud: 'aws',
    title: 'Every replica is ready',
    status: 'fail',
    detail: `api-gateway 0/2: ${planted.token}`,
    remedy: ['mlp phase 3'],
    durationMs: 12,
  },
]

async function bundleOf(client: Partial<KubeClient>) {
  const folder = await temporaryFolder()
  const home = join(folder, '.mlp', 'sandbox', 'p-dev')
  const run = '20260101T100000Z-1a2b3c'
  await mkdir(join(home, 'runs', run), { recursive: true })
  await writeFile(join(home, 'runs', run, 'log.txt'), `2026 it went wrong\n${leaks.join('\n')}\n`)
  await writeFile(join(home, 'state.json'), JSON.stringify({ steps: {}, note: leaks }))
  await writeFile(join(home, 'kubeconfig'), 'users: nobody has to see them')
  await writeFile(join(folder, 'mlp.yaml'), `project: p\n# ${leaks[7]}\n`)
  const config = { ...defaultSandboxConfig('dev'), owner: 'my-own-project-in-config' }
  const cloud: Partial<Cloud> = {
    name: 'aws',
    title: 'AWS',
    region: 'us-east-1',
    cluster: async () => ({
      name: 'c',
      endpoint: 'https://c',
      certificateAuthorityPem: '',
      version: '1',
      status: '',
    }),
  }
  const context: Partial<Context> = {
    config,
    target: {
      name: 'sandbox',
      environment: {},
      caFile: undefined,
      clouds: {
        aws: {
          account: '123456789012',
          endpoints: {},
          environment: { AWS_SESSION_TOKEN: planted.ofTarget },
          backend: {},
        },
      },
    },
    clouds: new Map([['aws', cloud as Cloud]]),
    openKubeClient: () => client as KubeClient,
    home,
    platformFolder: folder,
    runFolder: join(home, 'runs', run),
    mlpVersion: '0.1.0',
    signal: new AbortController().signal,
  }
  const packageRoot = join(import.meta.dirname, '../../..')
  const file = await writeSupportBundle(context as Context, rows, {
    env: { AWS_SECRET_ACCESS_KEY: planted.environment, HOME: folder },
    packageRoot,
  })
  return { file, home, texts: await unpack(file) }
}

async function unpack(file: string): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  const archive = extract()
  archive.on('entry', ({ name }, stream, next) => {
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(Buffer.from(chunk as Uint8Array)))
    stream.on('end', () => {
      texts.set(name, Buffer.concat(chunks).toString('utf8'))
      next()
    })
  })
  await pipeline(createReadStream(file), createGunzip(), archive)
  return texts
}

function leaked(texts: ReadonlyMap<string, string>): readonly string[] {
  const forms = Object.entries(planted).flatMap(([name, secret]) =>
    [secret, JSON.stringify(secret).slice(1, -1), base64(secret), encodeURIComponent(secret)].map(
      form => [name, form] as const,
    ),
  )
  return [...texts].flatMap(([file, text]) =>
    forms.filter(([, form]) => text.includes(form)).map(([name, form]) => `${name} in ${file}: ${form}`),
  )
}

describe('a support bundle', () => {
  test('has what helps and none of the secrets that were planted, and is this user’s only', async () => {
    const { file, home, texts } = await bundleOf(answering)
    expect(file).toBe(join(home, 'runs', '20260101T100000Z-1a2b3c', bundleName))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(leaked(texts)).toEqual([])
    const text = (name: string) => texts.get(name) ?? ''
    expect(text('runs/20260101T100000Z-1a2b3c/log.txt')).toContain('it went wrong')
    expect(JSON.parse(text('state.json'))).toMatchObject({ steps: {} })
    expect(JSON.parse(text('checks.json'))).toMatchObject({ healthy: false })
    expect(JSON.parse(text('versions.json'))).toMatchObject({ mlp: '0.1.0', target: 'sandbox' })
    expect(text('config.json')).toContain('my-own-project-in-config')
    expect(text('toolchain.json')).toContain('terraform')
    expect(text('clusters/aws/events.json')).toContain('restarting, it was given ***')
    expect(JSON.parse(text('clusters/aws/pods.json'))).toMatchObject([
      { name: 'api-gateway-1', ready: false },
    ])
    expect(text('clusters/aws/pods/ml-platform/api-gateway-1.log')).toContain('cannot reach the database')
    expect(text('clusters/aws/nodes.json')).toContain('n1')
    expect([...texts.keys()].filter(name => /kubeconfig|terraform/.test(name))).toEqual([])
    expect([...texts.values()].join('')).not.toContain('of-a-specification')
  })

  test('is written where a cluster tells nothing, and says why', async () => {
    const refuse = async () => {
      throw new Error('Secrets are forbidden')
    }
    const { texts } = await bundleOf({ ...answering, list: refuse })
    expect([...texts.keys()].filter(name => name.startsWith('clusters/'))).toEqual([
      'clusters/aws/problem.txt',
    ])
    expect(texts.get('clusters/aws/problem.txt')).toContain('Secrets are forbidden')
    expect(texts.get('README.txt')).toContain('aws: not told')
    expect(texts.has('state.json')).toBe(true)
  })
})

test('the end of a log does not begin in the middle of a key', () => {
  const rest = `${'x'.repeat(50)}\n${planted.keyBody}\n-----END RSA PRIVATE KEY-----\nafter it\n`
  const text = `-----BEGIN RSA PRIVATE KEY-----\n${'y'.repeat(200)}\n${rest}`
  expect(endOf(text, rest.length + 10)).not.toContain(planted.keyBody)
  expect(endOf(text, rest.length + 10)).toContain('after it')
  expect(endOf('short', 100)).toBe('short')
})

test('what is no secret is left as it is', () => {
  const mask = createBundleMask(
    secretsOfData({ a: base64('short'), b: base64('two lines\nof plain words\n') }),
  )
  const plain = [
    'check 3.aws.rollouts fail: api-gateway 0/2',
    '{"state":"done","inputsHash":"0123abcd","outputs":{"endpoint":"https://10.0.0.1:6443"}}',
    'secrets are mounted; of plain words; two lines; short',
    'Secret ml-platform/keys: data changed',
  ].join('\n')
  expect(mask(plain)).toBe(plain)
})
