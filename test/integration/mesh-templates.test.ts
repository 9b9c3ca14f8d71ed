import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import * as z from 'zod'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { type KubeObject, kubeObjectSchema } from '../../src/kube/objects.ts'
import { overlayOf } from '../../src/phases/4-mesh/overlay.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'
import { program } from '../support/programs.ts'

/*
 * Every object in templates/mesh is given to a real API server that has Istio's official CRDs, of the version that is
 * installed: their schemas, and the rules in them, judge each (a dry run, unknown fields refused). The overlays are
 * istioctl's to judge: it makes a whole manifest of each, and refuses what its schema does not know.
 */

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'templates', 'mesh')
/** Not objects of a cluster: what istioctl reads, and parts of it. */
const isForIstioctl = (file: string) => file.startsWith('overlay') || file === 'east-west.yaml'
const files = readdirSync(folder).filter(file => !isForIstioctl(file))
const namespaces = ['istio-system', 'ml-platform', 'ml-serving']

const definedSchema = z.looseObject({
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]),
    })
    .prefault({}),
})

let plane: TestControlPlane
let client: KubeClient
let scratch: string

async function documents(path: string): Promise<readonly KubeObject[]> {
  return parseAllDocuments(await readFile(path, 'utf8'))
    .map(document => document.toJS() as unknown)
    .filter(object => object !== null)
    .map(object => kubeObjectSchema.parse(object))
}

/** Where Go keeps the module that istioctl is built of; fetched when it is not there. */
async function istioModule(): Promise<string> {
  const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', 'istio.io/istio'], {
    cwd: join(root, 'toolchain', 'go', 'istioctl'),
    env: { ...process.env, GOFLAGS: '-mod=readonly', GOWORK: 'off' },
  })
  const { Dir } = JSON.parse(stdout) as { Dir: string }
  return Dir
}

function established(definition: KubeObject | undefined): boolean {
  const { status } = definedSchema.parse(definition ?? {})
  return status.conditions.some(({ type, status: is }) => type === 'Established' && is === 'True')
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'mlp-mesh-'))
  plane = await startControlPlane('api')
  client = openKubeClient({
    cloud: 'aws',
    access: plane.access,
    token: async () => plane.token(),
    signal: new AbortController().signal,
  })
  const definitions = await documents(
    join(await istioModule(), 'manifests', 'charts', 'base', 'files', 'crd-all.gen.yaml'),
  )
  for (const definition of definitions) await client.apply(definition)
  for (const definition of definitions) {
    await client.waitFor(
      {
        apiVersion: definition.apiVersion,
        kind: definition.kind,
        name: definition.metadata.name,
      },
      {
        what: `CRD ${definition.metadata.name}`,
        timeoutMs: 120_000,
        done: seen => established(seen),
      },
    )
  }
  for (const name of namespaces) {
    await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  }
}, 600_000)
afterAll(async () => {
  await plane?.stop()
  await rm(scratch, { recursive: true, force: true })
})

describe('each file of templates/mesh is valid against the official schemas', () => {
  it.each(files)('%s', async file => {
    const objects = await documents(join(folder, file))
    expect(objects.length, `${file} holds objects`).toBeGreaterThan(0)
    for (const object of objects) {
      const accepted = await client.apply(object, { dryRun: true })
      expect(accepted.metadata.name).toBe(object.metadata.name)
    }
  })
})

describe('each overlay is one that istioctl makes a manifest of', () => {
  it.each(['aws', 'gcp', 'azure'] as const)('%s', async cloud => {
    for (const environment of ['dev', 'prod'] as const) {
      const { text, version } = await overlayOf(
        { config: defaultSandboxConfig(environment), templates: join(root, 'templates') },
        cloud,
      )
      const file = join(scratch, `${cloud}-${environment}.yaml`)
      await writeFile(file, text)
      const { stdout } = await promisify(execFile)(
        await program('istioctl'),
        ['manifest', 'generate', '--filename', file],
        { maxBuffer: 64 * 1024 * 1024 },
      )
      const objects = parseAllDocuments(stdout)
        .map(document => kubeObjectSchema.safeParse(document.toJS()))
        .flatMap(parsed => (parsed.success ? [parsed.data] : []))
      const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
      expect(names).toContain(`Deployment istiod-${version.revision}`)
      expect(names).toContain('Deployment istio-ingressgateway')
      expect(names).toContain('Deployment istio-eastwestgateway')
      expect(names).toContain('DaemonSet istio-cni-node')
      const budgets = names.filter(name => name.startsWith('PodDisruptionBudget'))
      expect(budgets.length, `${environment}: ${budgets.join(', ')}`).toBe(environment === 'dev' ? 0 : 3)
      expect(stdout).not.toContain('istio-reader-service-account')
    }
  })
})

it('a field that Istio does not know is refused, so that the test above says something', async () => {
  const [gateway] = await documents(join(folder, 'gateway.yaml'))
  if (gateway === undefined) throw new Error('gateway.yaml is empty')
  await expect(
    client.apply({ ...gateway, spec: { selektor: { istio: 'ingressgateway' } } }, { dryRun: true }),
  ).rejects.toThrow('refused to apply')
})
