import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { aws } from '../../sandbox/src/clouds/aws/index.ts'
import { azure } from '../../sandbox/src/clouds/azure/index.ts'
import { gcp } from '../../sandbox/src/clouds/gcp/index.ts'
import { type Harness, startHarness } from '../../sandbox/test/terraform-harness.ts'
import { renderDocument } from '../../src/cli/contract.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { kubeObjectSchema } from '../../src/kube/objects.ts'
import { phases } from '../../src/phases/index.ts'
import { runMlp } from '../support/mlp.ts'

const clouds = ['aws', 'gcp', 'azure'] as const
const steps = phases.flatMap(phase => phase.steps(defaultSandboxConfig()))

async function platformFolder(mlpYaml?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-render-'))
  if (mlpYaml !== undefined) await writeFile(join(folder, 'mlp.yaml'), mlpYaml)
  return folder
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()
}

/** Where there is neither a cloud nor a sandbox, and no credentials for one. */
describe('mlp render, before anything was built', () => {
  let folder = ''
  let harness: Harness
  beforeAll(async () => {
    folder = await platformFolder()
    harness = await startHarness([aws, gcp, azure])
  })
  afterAll(async () => {
    await harness.close()
    await rm(folder, { recursive: true })
  })
  const out = (...path: readonly string[]) => join(folder, 'out', ...path)

  test('writes files, tells which, and starts nothing', async () => {
    const { exitCode, stdout } = await runMlp(folder, ['render', 'out', '--json'])
    expect(exitCode).toBe(0)
    const document = renderDocument.parse(JSON.parse(stdout))
    expect(document.folder).toBe(out())
    expect(document.files.toSorted()).toEqual(
      (await filesBelow(out())).filter(file => file !== '.mlp-render.json'),
    )
    expect(await readdir(folder)).toEqual(['out'])
  })

  test('has a README with every step, its files, and what is not known', async () => {
    const readme = await readFile(out('README.md'), 'utf8')
    for (const { id, title } of steps) expect(readme).toContain(`| \`${id}\` | ${title} |`)
    expect(readme).toContain('the backend configuration of terraform lacks its endpoints')
    for (const [, place = ''] of readme.matchAll(/^\| `\d[^|]+\|[^|]+\| `([^`]+)` \|/gm)) {
      expect(
        (await filesBelow(out())).some(file => file.startsWith(place)),
        place,
      ).toBe(true)
    }
    for (const cloud of clouds) {
      const missing = `(known once 1.${cloud}.apply-foundation is done)`
      expect(readme).toContain(
        `\`1.${cloud}.apply-cluster\`: the foundation's outputs, which stand as "${missing}"`,
      )
      const variables = await readFile(out('terraform', `${cloud}-cluster`, 'mlp.auto.tfvars.json'), 'utf8')
      expect(variables).toContain(missing)
    }
  })

  test.each(clouds)('terraform takes the roots of %s as they are, values included', async cloud => {
    const foundation = await harness.root({ templates: out('terraform', `${cloud}-foundation`) })
    await foundation.run(['fmt', '-check', out('terraform', `${cloud}-foundation`)])
    await foundation.init()
    await foundation.run(['validate', '-no-color'])
    const planned = await foundation.plan()
    expect(planned.length).toBeGreaterThan(10)
    expect(planned.every(({ actions }) => actions === 'create')).toBe(true)

    const cluster = await harness.root({ templates: out('terraform', `${cloud}-cluster`) })
    await cluster.run(['fmt', '-check', out('terraform', `${cloud}-cluster`)])
    await cluster.init()
    await cluster.run(['validate', '-no-color'])
    // Its values are not all there yet, and terraform says just that.
    await expect(cluster.plan()).rejects.toThrow(/The given value is not suitable for var\.foundation/)
  })

  test.each(clouds)('the objects of %s are Kubernetes objects, marked as this platform’s', async cloud => {
    const files = (await filesBelow(out('kubernetes', `${cloud}-dev`))).map(file => file.slice(3, -5))
    const ofCluster = steps
      .map(({ id }) => id.split('.'))
      // What phase 7 makes is of a test, and goes with it.
      .filter(([phase = '', lane]) => !['1', '7'].includes(phase) && lane === cloud)
    // A context is a file of the user's, images are no objects, and keys are random; istioctl and helm make their own.
    const unseen =
      /^(context|images|keys|peer-trust|federation|cluster-backup|mesh-root|mesh-authority|control-plane|gateway-certificate|mesh-remote-.*|sidecars|old-revisions|secrets|stack|pod-security)$/
    expect(files).toEqual(ofCluster.flatMap(([, , name = '']) => (unseen.test(name) ? [] : [name])))
    const objects = []
    for (const file of await filesBelow(out('kubernetes', `${cloud}-dev`))) {
      for (const document of parseAllDocuments(
        await readFile(out('kubernetes', `${cloud}-dev`, file), 'utf8'),
      )) {
        expect(document.errors).toEqual([])
        objects.push(kubeObjectSchema.parse(document.toJS()))
      }
    }
    expect(objects.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['Namespace', 'ServiceAccount', 'ConfigMap', 'StorageClass']),
    )
    for (const { metadata } of objects) {
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/managed-by': 'mlp',
        'mlp.dev/platform-id': expect.stringMatching(/^mlp-[a-z2-7]{10}$/),
      })
    }
  })
})

describe('the folder', () => {
  test('of somebody else is left as it is', async () => {
    const folder = await platformFolder()
    await mkdir(join(folder, 'mine'))
    await writeFile(join(folder, 'mine', 'notes.txt'), 'mine')
    for (const target of ['mine', '.', 'mine/notes.txt']) {
      const { exitCode, stderr } = await runMlp(folder, ['render', target])
      expect(exitCode).toBe(2)
      expect(stderr).toMatch(/^Error MLP1013: \S+ is not an empty folder, nor one that mlp rendered/)
    }
    expect(await filesBelow(folder)).toEqual(['mine/notes.txt'])
    await rm(folder, { recursive: true })
  })

  test('of an earlier render gets what is true now; what a person put there stays', async () => {
    const folder = await platformFolder(
      'apiVersion: mlp.dev/v1\nproject: ml-platform\nclouds: { aws: , gcp: }\n',
    )
    await mkdir(join(folder, 'overrides/terraform/gcp/foundation'), { recursive: true })
    await writeFile(join(folder, 'overrides/terraform/gcp/foundation/mine_override.tf'), '# mine\n')
    expect((await runMlp(folder, ['render', 'out'])).exitCode).toBe(0)
    const first = await filesBelow(join(folder, 'out'))
    expect(first).toContain('terraform/gcp-foundation/mine_override.tf')
    await writeFile(join(folder, 'out', 'terraform', 'notes.txt'), 'mine')

    await writeFile(
      join(folder, 'mlp.yaml'),
      'apiVersion: mlp.dev/v1\nproject: ml-platform\nclouds: { gcp: }\n',
    )
    expect((await runMlp(folder, ['render', 'out'])).exitCode).toBe(0)
    const second = await filesBelow(join(folder, 'out'))
    // MLflow is where the first cloud is, and one cluster has no others that read it.
    const added = ['kubernetes/gcp-dev/35-mlflow.yaml', 'terraform/notes.txt']
    const stays = first.filter(file => !/aws|mesh-reader|peer-identities/.test(file))
    expect(second).toEqual([...stays, ...added].toSorted())
    await rm(folder, { recursive: true })
  })

  test('whose list of files was changed to lead out of it is not trusted', async () => {
    const folder = await platformFolder()
    await mkdir(join(folder, 'out'))
    await writeFile(join(folder, 'precious.txt'), 'mine')
    for (const path of ['../precious.txt', 'a/../../precious.txt', join(folder, 'precious.txt')]) {
      const manifest = JSON.stringify({ schemaVersion: 1, files: [path] })
      await writeFile(join(folder, 'out', '.mlp-render.json'), manifest)
      const { exitCode, stderr } = await runMlp(folder, ['render', 'out'])
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('MLP1013')])
    }
    expect(await readFile(join(folder, 'precious.txt'), 'utf8')).toBe('mine')
    await rm(folder, { recursive: true })
  })
})

test('a Secret is rendered without its data, and no cloud is asked for it', async () => {
  const folder = await platformFolder(
    'apiVersion: mlp.dev/v1\nproject: ml-platform\ncredentials: static-secret\nclouds: { aws: , gcp: , azure: }\n',
  )
  expect((await runMlp(folder, ['render', 'out'])).exitCode).toBe(0)
  for (const cloud of clouds) {
    const text = await readFile(join(folder, `out/kubernetes/${cloud}-dev/24-cloud-credentials.yaml`), 'utf8')
    const secret = text.split('---\n').at(-1) ?? ''
    expect(secret).toMatch(/^# Its data, and a hash of it, are put in when it is applied/)
    expect(secret).toContain('kind: Secret\n')
    expect(secret).not.toMatch(/^(data|stringData):/m)
    expect(secret).not.toContain('mlp.dev/content')
  }
  await rm(folder, { recursive: true })
})
