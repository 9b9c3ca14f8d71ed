import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { kubectlJson } from '../support/kubectl.ts'
import { createPlayground, type Playground } from '../support/mlp.ts'

const clouds = ['aws', 'gcp', 'azure'] as const
const secretsSchema = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      data: z.record(z.string(), z.string()).optional(),
    }),
  ),
})

describe('`credentials: static-secret`', () => {
  let playground: Playground
  const kubeconfig = () => join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev', 'kubeconfig')
  const choose = async (credentials: string) => {
    const file = join(playground.folder, 'mlp.yaml')
    const text = await readFile(file, 'utf8')
    const rest = text.split('\n').filter(line => !line.startsWith('credentials:'))
    await writeFile(file, `${rest.join('\n').trimEnd()}\ncredentials: ${credentials}\n`)
  }
  const secretOf = async (cloud: string) => {
    const answer = await kubectlJson(kubeconfig(), `${cloud}-dev`, ['get', 'secrets', '-n', 'ml-platform'])
    return secretsSchema.parse(answer).items.find(({ metadata }) => metadata.name === 'cloud-credentials')
      ?.data
  }
  const decoded = (text: string | undefined) => Buffer.from(text ?? '', 'base64').toString('utf8')

  beforeAll(async () => {
    playground = await createPlayground()
    const made = await playground.mlp(['init', '--yes', '--project', 'ml-platform'])
    expect(made.exitCode, made.stderr).toBe(0)
  })
  afterAll(() => playground?.dispose())

  it("puts the guide's Secret on each cluster, and its contents nowhere else", async () => {
    await choose('static-secret')
    const up = await playground.mlp(['bootstrap', '--to', '2', '--yes', '--json'])
    expect(up.exitCode, up.stdout.slice(-2000)).toBe(0)
    const [aws, gcp, azure] = await Promise.all(clouds.map(secretOf))
    expect(decoded(aws?.['credentials'])).toMatch(
      /^\[default\]\naws_access_key_id = \S+\naws_secret_access_key = \S+\n$/,
    )
    expect(JSON.parse(decoded(gcp?.['key.json']))).toMatchObject({ type: 'authorized_user' })
    expect(Object.keys(azure ?? {})).toEqual(
      expect.arrayContaining(['client-id', 'client-secret', 'tenant-id']),
    )
    const opening = [
      decoded(aws?.['credentials']).trim().split(' ').at(-1),
      z.object({ refresh_token: z.string() }).parse(JSON.parse(decoded(gcp?.['key.json']))).refresh_token,
      decoded(azure?.['client-secret']),
    ]
    const home = join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev')
    const files = (await readdir(home, { recursive: true, withFileTypes: true })).filter(
      entry => entry.isFile() && /\.(json|ndjson|txt)$/.test(entry.name),
    )
    expect(files.length).toBeGreaterThan(3)
    for (const file of files) {
      const text = await readFile(join(file.parentPath, file.name), 'utf8')
      for (const secret of opening)
        expect([file.name, text.includes(secret ?? '')]).toEqual([file.name, false])
    }
  })

  it('takes the Secret away again when it is no longer asked for', async () => {
    await choose('workload-identity')
    const again = await playground.mlp(['phase', '2', '--yes', '--json'])
    expect(again.exitCode, again.stdout.slice(-2000)).toBe(0)
    expect(await Promise.all(clouds.map(secretOf))).toEqual([undefined, undefined, undefined])
  })
})
