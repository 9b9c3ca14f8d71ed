import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type SandboxWithGithub, startSandboxWithGithub } from '../../sandbox/test/github-fixture.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { deliveryOf } from '../../src/config/delivery.ts'
import type { Config } from '../../src/config/schema.ts'
import type { JsonObject } from '../../src/engine/json.ts'
import { environmentsStep } from '../../src/phases/6-delivery/environments-step.ts'
import { gitHubGate } from '../../src/phases/6-delivery/gate.ts'
import { openBranch, pipelineStep } from '../../src/phases/6-delivery/pipeline-step.ts'
import { protectionStep } from '../../src/phases/6-delivery/protection-step.ts'
import { open } from '../../src/phases/6-delivery/repository.ts'
import { repositoryStep } from '../../src/phases/6-delivery/repository-step.ts'
import { findVariable } from '../../src/phases/6-delivery/repository-variables.ts'
import { secretNames } from '../../src/phases/6-delivery/secrets.ts'
import { pipelineFiles } from '../../src/phases/6-delivery/workflows.ts'
import type { Context, PlatformStep } from '../../src/phases/phase.ts'
import { refusing, testContext } from '../support/context.ts'

const base: Config = {
  ...defaultSandboxConfig(),
  clouds: { aws: defaultSandboxConfig().clouds.aws },
}
const roles = {
  deploy: 'arn:aws:iam::111122223333:role/ml-platform-dev-pipeline-deploy',
  read: 'arn:aws:iam::111122223333:role/ml-platform-dev-pipeline-read',
}
const federation: JsonObject = {
  identities: {
    deploy: {
      variables: { AWS_ROLE_ARN: roles.deploy },
      subject: { kind: 'Group', name: 'mlp:pipeline-deploy' },
    },
    read: { variables: { AWS_ROLE_ARN: roles.read }, subject: { kind: 'Group', name: 'mlp:pipeline-read' } },
  },
}

vi.setConfig({ testTimeout: 600_000 })

let sandbox: SandboxWithGithub
let home = ''
const authorities = getCACertificates('default')

beforeAll(async () => {
  sandbox = await startSandboxWithGithub()
  setDefaultCACertificates([...authorities, await readFile(join(sandbox.home, 'ca.pem'), 'utf8')])
  home = await mkdtemp(join(tmpdir(), 'mlp-delivery-'))
})
afterAll(async () => {
  setDefaultCACertificates(authorities)
  await sandbox?.stop()
  await rm(home, { recursive: true, force: true })
})

interface World {
  readonly context: Context
  readonly outputs: Map<string, JsonObject>
}

/** A run of mlp against the sandbox's GitHub, with a token of its own where one is named. */
function world(
  change: {
    readonly delivery?: Config['delivery']
    readonly token?: string
    readonly destroyData?: boolean
    readonly agrees?: boolean
  } = {},
): World {
  const config: Config = { ...base, ...(change.delivery === undefined ? {} : { delivery: change.delivery }) }
  const outputs = new Map<string, JsonObject>([['6.aws.federation', federation]])
  const environment = {
    ...sandbox.environment,
    ...(change.token === undefined ? {} : { GH_TOKEN: change.token }),
  }
  const context = testContext({
    config,
    target: {
      name: 'sandbox',
      environment: {},
      caFile: undefined,
      clouds: {},
      github: { apiUrl: sandbox.apiUrl, webUrl: sandbox.webUrl, environment },
    },
    clouds: new Map([['aws', {} as Cloud]]),
    home,
    platformFolder: home,
    mlpPath: '',
    consent: {
      ...refusing,
      destroyData: change.destroyData ?? false,
      approve: async () => change.agrees ?? true,
    },
    outputs: step => outputs.get(step),
  })
  return { context, outputs }
}

const quiet = { report: () => {} }

/** As the engine does it: asked, applied where that is needed, asked again. */
async function apply({ context, outputs }: World, step: PlatformStep): Promise<'applied' | 'unchanged'> {
  const before = await step.status(context)
  if (before.state === 'present') {
    outputs.set(step.id, before.outputs)
    return 'unchanged'
  }
  await step.apply(context, quiet)
  const after = await step.status(context)
  if (after.state !== 'present') throw new Error(`${step.id}: ${after.state}, ${after.why ?? ''}`)
  outputs.set(step.id, after.outputs)
  return 'applied'
}

describe('a token', () => {
  test('with its scopes passes the gate, which says whose it is', async () => {
    const answer = await gitHubGate.ask(world().context)
    expect(answer).toMatchObject({ outcome: 'passed', detail: expect.stringContaining('repo') })
  })

  test('that lacks one is refused before anything is written, and the scope is named', async () => {
    const token = await sandbox.issue({ login: 'mlp-operator', scopes: ['repo'] })
    const answer = await gitHubGate.ask(world({ token }).context)
    expect(answer).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('lacks the scope workflow'),
    })
  })

  test('that is wrong is refused in GitHub’s own words', async () => {
    await expect(gitHubGate.ask(world({ token: 'ghp_wrong' }).context)).rejects.toMatchObject({
      code: 'MLP5303',
      exitCode: 5,
      remedy: expect.arrayContaining([expect.stringContaining('gh auth login')]),
    })
  })
})

describe('a repository that is not there', () => {
  const delivery = { repository: 'acme-made/platform' }

  test('is made with what deploys from it; a second run changes nothing; all is taken back', async () => {
    const run = world({ delivery })
    expect(await apply(run, repositoryStep())).toBe('applied')
    expect(run.outputs.get('6.all.repository')).toMatchObject({
      made: true,
      subject: expect.stringMatching(/^repo:acme-made@\d+\/platform@\d+$/),
    })
    expect(await apply(run, environmentsStep([]))).toBe('applied')
    const opened = await open(run.context)
    expect(await findVariable(opened, 'dev', 'AWS_ROLE_ARN')).toBe(roles.deploy)
    expect(await findVariable(opened, 'dev-read', 'AWS_ROLE_ARN')).toBe(roles.read)
    expect(await apply(run, protectionStep())).toBe('applied')

    const again = world({ delivery })
    for (const step of [repositoryStep(), environmentsStep([]), protectionStep()])
      expect(await apply(again, step), step.id).toBe('unchanged')

    const undo = world({ delivery, destroyData: true })
    await apply(undo, repositoryStep())
    const gone = []
    for (const step of [protectionStep(), environmentsStep([]), repositoryStep()])
      gone.push(
        ...((await step.undo?.(undo.context, quiet))?.removed ?? []).map(
          ({ type, name }) => `${type} ${name}`,
        ),
      )
    expect(gone).toEqual([
      'branch-protection main',
      'environment dev',
      'environment dev-read',
      'repository acme-made/platform',
    ])
    expect(await repositoryStep().status(undo.context)).toMatchObject({ state: 'absent' })
  })

  test('is kept by a teardown that keeps data', async () => {
    const run = world({ delivery: { repository: 'acme-kept/platform' } })
    await apply(run, repositoryStep())
    const undone = await repositoryStep().undo?.(run.context, quiet)
    expect(undone).toMatchObject({
      removed: [],
      kept: [{ reason: expect.stringContaining('--destroy-data') }],
    })
    expect(await repositoryStep().status(run.context)).toMatchObject({ state: 'present' })
  })

  test('is not made when nobody agrees', async () => {
    const run = world({ delivery: { repository: 'acme-refused/platform' }, agrees: false })
    await expect(apply(run, repositoryStep())).rejects.toMatchObject({ code: 'MLP5002', exitCode: 5 })
  })

  test('is not made for an owner that is somebody else', async () => {
    const run = world({ delivery: { repository: 'somebody-else/platform' } })
    await expect(apply(run, repositoryStep())).rejects.toMatchObject({
      code: expect.stringMatching(/MLP530[58]/),
    })
  })
})

describe('a repository that was there', () => {
  const delivery = { repository: 'found/platform' }

  test('is never deleted; an environment that somebody made is taken over only with consent, and left', async () => {
    const theirs = sandbox.client()
    await theirs.request('POST /orgs/{org}/repos', { org: 'found', name: 'platform', auto_init: true })
    await theirs.request('PUT /repos/{owner}/{repo}/environments/{environment_name}', {
      owner: 'found',
      repo: 'platform',
      environment_name: 'dev',
    })
    const refused = world({ delivery, agrees: false })
    expect(await apply(refused, repositoryStep())).toBe('unchanged')
    await expect(apply(refused, environmentsStep([]))).rejects.toMatchObject({ code: 'MLP5313', exitCode: 5 })

    const run = world({ delivery, destroyData: true })
    await apply(run, repositoryStep())
    expect(await apply(run, environmentsStep([]))).toBe('applied')
    const undone = await environmentsStep([]).undo?.(run.context, quiet)
    expect(undone?.kept.map(({ name }) => name)).toEqual(['dev'])
    expect(undone?.removed.map(({ name }) => name)).toEqual(['dev-read'])
    expect(await findVariable(await open(run.context), 'dev', 'AWS_ROLE_ARN')).toBeUndefined()
    expect(await repositoryStep().undo?.(run.context, quiet)).toMatchObject({
      removed: [],
      kept: [{ reason: 'it was there before mlp' }],
    })
  })
})

describe('keys instead of trust', () => {
  test('are sealed into both environments, and go when they are no longer wanted', async () => {
    const delivery = { repository: 'acme-keys/platform', credentials: 'keys' as const }
    const run = world({ delivery })
    await apply(run, repositoryStep())
    await expect(apply(run, environmentsStep([]))).rejects.toMatchObject({ code: 'MLP5309', exitCode: 5 })
    process.env['AWS_ACCESS_KEY_ID'] = 'AKIAEXAMPLE'
    process.env['AWS_SECRET_ACCESS_KEY'] = 'not-a-real-one'
    try {
      await apply(run, environmentsStep([]))
    } finally {
      delete process.env['AWS_ACCESS_KEY_ID']
      delete process.env['AWS_SECRET_ACCESS_KEY']
    }
    const opened = await open(run.context)
    expect((await secretNames(opened, 'dev')).toSorted()).toEqual([
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
    ])
    expect(await apply(run, environmentsStep([]))).toBe('unchanged')
    const without = world({ delivery: { repository: 'acme-keys/platform' } })
    await apply(without, repositoryStep())
    await apply(without, environmentsStep([]))
    expect(await secretNames(opened, 'dev')).toEqual([])
  })
})

describe('the platform’s files on the branch', () => {
  test('are one commit on top of what is there, and of them only mlp’s own are taken back', async () => {
    const delivery = { repository: 'acme-files/platform' }
    const run = world({ delivery })
    await apply(run, repositoryStep())
    await sandbox.push('acme-files/platform', { 'notes.md': 'mine\n' })
    const opened = await open(run.context)
    const remote = await openBranch(run.context, opened)
    const head = await remote.head('main')
    expect(head?.files.has('notes.md')).toBe(true)
    const wanted = deliveryOf(run.context.config)
    if (wanted === undefined) throw new Error('no delivery')
    const files = await pipelineFiles(run.context, wanted)
    await remote.commit('main', head, files, 'mlp: deploy')
    expect(await pipelineStep([]).status(run.context)).toMatchObject({
      state: 'drifted',
      why: expect.stringContaining('mlp.lock'),
    })
    // Somebody changes one of them: it is theirs now.
    await sandbox.push('acme-files/platform', { '.github/workflows/verify.yml': 'name: Mine\n' })
    const undone = await pipelineStep([]).undo?.(run.context, quiet)
    expect(undone?.removed).toHaveLength(files.size - 1)
    expect(undone?.kept.map(({ name }) => name)).toEqual(['.github/workflows/verify.yml'])
    const after = await remote.head('main')
    expect([...(after?.files.keys() ?? [])].filter(path => path.startsWith('.github'))).toEqual([
      '.github/workflows/verify.yml',
    ])
    expect(after?.files.has('notes.md')).toBe(true)
  })

  test('are not pushed over what somebody pushed meanwhile', async () => {
    const run = world({ delivery: { repository: 'acme-moved/platform' } })
    await apply(run, repositoryStep())
    const opened = await open(run.context)
    const remote = await openBranch(run.context, opened)
    const head = await remote.head('main')
    await sandbox.push('acme-moved/platform', { 'notes.md': 'mine\n' })
    await writeFile(join(home, 'unrelated'), '')
    await expect(
      remote.commit('main', head, new Map([['mlp.lock', '{}\n']]), 'mlp: deploy'),
    ).rejects.toMatchObject({
      code: 'MLP5306',
      exitCode: 3,
    })
  })
})
