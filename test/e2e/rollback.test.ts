import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { kubectlJson } from '../support/kubectl.ts'
import { createPlayground, type Finished, type Playground, parseEvents } from '../support/mlp.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const parts = [
  'bin',
  'package.json',
  'package-lock.json',
  'sandbox',
  'schemas',
  'services',
  'src',
  'templates',
  'toolchain',
]
const lastWords = 'a bad change: no gateway today'

const failureSchema = z.looseObject({
  state: z.literal('failed'),
  error: z.looseObject({
    code: z.string(),
    summary: z.string(),
    detail: z.string(),
    remedy: z.array(z.string()),
  }),
})
const deploymentsSchema = z.object({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      spec: z.looseObject({
        template: z.looseObject({
          spec: z.looseObject({ containers: z.tuple([z.looseObject({ image: z.string() })], z.unknown()) }),
        }),
      }),
      status: z.looseObject({
        availableReplicas: z.number().default(0),
        unavailableReplicas: z.number().default(0),
      }),
    }),
  ),
})
const checksSchema = z.object({ checks: z.array(z.looseObject({ id: z.string(), status: z.string() })) })

// One cloud; told in order. What changes is a service's source, in a copy of the whole checkout.
describe('a bad change of a service', () => {
  let playground: Playground
  let good: string
  let program: string
  let main: string
  let source: string
  beforeAll(async () => {
    playground = await createPlayground()
    const copy = join(playground.folder, 'checkout')
    await mkdir(copy)
    for (const part of parts) await cp(join(root, part), join(copy, part), { recursive: true })
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
    program = join(copy, 'bin', 'mlp.js')
    main = join(copy, 'services/api-gateway/src/main.ts')
    source = await readFile(main, 'utf8')
    const up = await mlp(['bootstrap', '--to', '3', '--cloud', 'aws', '--yes', '--json'])
    expect(up.exitCode, up.stdout.slice(-2000)).toBe(0)
    good = (await gateway()).image
    await writeFile(
      main,
      source.replace('await runService', `throw new Error('${lastWords}')\nawait runService`),
    )
  })
  afterAll(() => playground?.dispose())

  const mlp = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    playground.start(args, env, { program }).finished
  const gateway = async () => {
    const kubeconfig = join(playground.platformHome, 'kubeconfig')
    const found = await kubectlJson(kubeconfig, 'aws-dev', ['get', 'deployments', '-n', 'ml-platform'])
    const live = deploymentsSchema.parse(found).items.find(({ metadata }) => metadata.name === 'api-gateway')
    if (live === undefined) throw new Error('there is no api-gateway')
    return { ...live.status, image: live.spec.template.spec.containers[0].image }
  }
  /** As on a machine where nothing was built yet. */
  const phase3 = (...flags: readonly string[]) =>
    mlp(['phase', '3', '--cloud', 'aws', '--json', ...flags], {
      MLP_IMAGES_CACHE: join(playground.folder, 'images'),
    })
  const failures = ({ stdout }: Finished) =>
    parseEvents(stdout).flatMap(event => failureSchema.safeParse(event).data ?? [])
  const passed = async () => {
    const { stdout } = await mlp(['verify', '3', '--cloud', 'aws', '--json', '--wait', '60s'])
    return checksSchema
      .parse(JSON.parse(stdout))
      .checks.filter(({ status }) => status === 'pass')
      .map(({ id }) => id)
  }

  it('is told with the pod, its last lines and the ways out, while the pods before go on serving', async () => {
    const stuck = await phase3()
    expect(stuck.exitCode, stuck.stdout.slice(-2000)).not.toBe(0)
    const [failure, ...others] = failures(stuck)
    expect(others).toEqual([])
    expect(failure?.error).toMatchObject({
      code: 'MLP4031',
      summary: expect.stringMatching(
        /^Deployment ml-platform\/api-gateway on aws: api-gateway-\S+ ended with exit code 1, \d+ times$/,
      ),
      detail: expect.stringContaining(lastWords),
      remedy: expect.arrayContaining([
        'Go back to what ran before: mlp phase 3 --cloud aws --rollback',
        expect.stringMatching(/kubectl --kubeconfig \S+ --context aws-dev .*--to-revision=1$/),
      ]),
    })
    // Only the changed image was built; the registry has the others.
    const built = parseEvents(stuck.stdout).flatMap(({ type, command }) =>
      type === 'command-started' && /npm ci/.test(String(command)) ? [String(command)] : [],
    )
    expect(built).toEqual([expect.stringContaining('services/api-gateway')])
    expect(await gateway()).toMatchObject({ availableReplicas: 2, image: expect.not.stringContaining(good) })
  })

  it('--rollback goes back to the pods that ran before, and says that the step failed all the same', async () => {
    const gone = await phase3('--rollback')
    expect(gone.exitCode, gone.stdout.slice(-2000)).not.toBe(0)
    const [failure] = failures(gone)
    expect(failure?.error.summary).toMatch(/; the pods that ran before run again$/)
    expect(failure?.error.remedy.filter(line => line.startsWith('Go back'))).toEqual([])
    expect(await gateway()).toMatchObject({ availableReplicas: 3, unavailableReplicas: 0, image: good })
  })

  it('without the change the same command ends well, and has nothing to change', async () => {
    await writeFile(main, source)
    const ended = await phase3()
    expect(failures(ended)).toEqual([])
    expect(ended.exitCode, ended.stdout.slice(-2000)).toBe(0)
    expect(await gateway()).toMatchObject({ availableReplicas: 3, image: good })
    expect(await passed()).toEqual(
      expect.arrayContaining(['3.aws.rollouts', '3.aws.digests', '3.aws.inference']),
    )
  })
})
