import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { createPlayground, type Playground } from '../support/mlp.ts'

const run = promisify(execFile)
const kubeconfigSchema = z.looseObject({
  'current-context': z.string().optional(),
  contexts: z.array(z.object({ name: z.string() }).loose()),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.looseObject({ exec: z.looseObject({ command: z.string() }).optional() }),
    }),
  ),
})
const theirs = `apiVersion: v1
kind: Config
current-context: work # the one I use
clusters:
- name: work
  cluster: {server: https://work.example.com}
users:
- name: me
  user: {token: abc}
contexts:
- name: work
  context: {cluster: work, user: me}
`

describe("the operator's own kubeconfig, and the clouds' own token plugins", () => {
  let playground: Playground
  let users: string
  let environment: Readonly<Record<string, string>>
  const own = () => join(playground.folder, '.mlp', 'sandbox', 'ml-platform-dev', 'kubeconfig')
  const read = async (file: string) => kubeconfigSchema.parse(parse(await readFile(file, 'utf8')))
  const commandOf = async (file: string) =>
    (await read(file)).users.find(({ name }) => name === 'aws-dev')?.user.exec?.command
  const phase2 = (...args: string[]) =>
    playground.mlp(['phase', '2', '--cloud', 'aws', '--yes', '--quiet', ...args], environment)
  /** kubectl as somebody who has only typed `eval "$(mlp sandbox env)"`. */
  const namespaces = async (file: string) => {
    const { stdout: script } = await playground.mlp(['sandbox', 'env'])
    const line = `kubectl --kubeconfig '${file}' --context aws-dev get namespaces -o name`
    const { stdout } = await run('bash', ['-c', `set -e\n${script}\n${line}`], {
      cwd: playground.folder,
      env: { ...process.env, ...playground.env },
      timeout: 60_000,
    })
    return stdout
  }

  beforeAll(async () => {
    playground = await createPlayground()
    users = join(playground.folder, 'users-kubeconfig')
    environment = { KUBECONFIG: users }
    await writeFile(users, theirs, { mode: 0o600 })
    const made = await playground.mlp(['init', '--yes', '--project', 'ml-platform', '--cloud', 'aws'])
    expect(made.exitCode, made.stderr).toBe(0)
    const up = await playground.mlp(['bootstrap', '--to', '2', '--yes', '--merge-kubeconfig'], environment)
    expect(up.exitCode, up.stderr).toBe(0)
  })
  afterAll(() => playground?.dispose())

  it('is added to when asked, and what is in it stays', async () => {
    const merged = await read(users)
    expect(merged.contexts.map(({ name }) => name)).toEqual(['work', 'aws-dev'])
    expect(merged['current-context']).toBe('work')
    expect(await readFile(users, 'utf8')).toContain('# the one I use')
    expect(await readFile(`${users}.mlp-backup`, 'utf8')).toBe(theirs)
    expect((await stat(users)).mode & 0o777).toBe(0o600)
    expect(await namespaces(users)).toContain('namespace/ml-platform')
  })

  it("takes the cloud's own plugin when asked, keeps it, and goes back when asked", async context => {
    await run('aws', ['--version']).catch(() => context.skip('the AWS CLI is not on this machine'))
    const native = await phase2('--native-plugins', '--merge-kubeconfig')
    expect(native.exitCode, native.stderr).toBe(0)
    expect([await commandOf(own()), await commandOf(users)]).toEqual(['aws', 'aws'])
    expect(await namespaces(own())).toContain('namespace/ml-platform')

    // The flag is a choice once made: a later run and verify leave it.
    const again = await phase2()
    expect(again.exitCode, again.stderr).toBe(0)
    expect(await commandOf(own())).toBe('aws')
    const verified = await playground.mlp(['verify', '2', '--quiet'], environment)
    expect(verified.exitCode, verified.stderr).toBe(0)

    const back = await phase2('--no-native-plugins', '--merge-kubeconfig')
    expect(back.exitCode, back.stderr).toBe(0)
    expect([await commandOf(own()), await commandOf(users)]).toEqual([
      expect.stringMatching(/node$/),
      expect.stringMatching(/node$/),
    ])
  })

  it('names the plugin that is missing, and leaves the kubeconfig as it is', async () => {
    const before = await readFile(own(), 'utf8')
    const { stdout: kubectl } = await run('sh', ['-c', 'command -v terraform'])
    const missing = await playground.mlp(['phase', '2', '--yes', '--native-plugins', '--quiet'], {
      ...environment,
      PATH: join(kubectl.trim(), '..'),
    })
    expect(missing.exitCode, missing.stderr).toBe(3)
    expect(missing.stdout + missing.stderr).toContain('MLP4023')
    expect(missing.stdout + missing.stderr).toContain('--no-native-plugins')
    expect(await readFile(own(), 'utf8')).toBe(before)
  })

  it('is given back by teardown', async () => {
    const down = await playground.mlp(['teardown', '--yes', '--destroy-data', '--quiet'], environment)
    expect(down.exitCode, down.stderr).toBe(0)
    expect((await read(users)).contexts.map(({ name }) => name)).toEqual(['work'])
    expect(await readFile(users, 'utf8')).toContain('# the one I use')
  })
})
