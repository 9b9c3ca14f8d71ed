import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openRunLog } from '../../src/cli/run-log.ts'
import type { Cloud } from '../../src/clouds/cloud.ts'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { platformId, platformIdKey } from '../../src/config/names.ts'
import type { EventBody } from '../../src/engine/events.ts'
import { type KubeClient, openKubeClient } from '../../src/kube/client.ts'
import { validationChecks } from '../../src/phases/7-validation/checks.ts'
import { deployedNow } from '../../src/phases/7-validation/deployed.ts'
import { findTestObjects, markTest } from '../../src/phases/7-validation/marks.ts'
import { failed, passed, simulated } from '../../src/phases/7-validation/outcome.ts'
import { runTests, type TestResult } from '../../src/phases/7-validation/run-tests.ts'
import { openChanges, restoreAll, willUndo } from '../../src/phases/7-validation/undo-list.ts'
import { validationStep } from '../../src/phases/7-validation/validation-step.ts'
import type { Context } from '../../src/phases/phase.ts'
import { startControlPlane, type TestControlPlane } from '../support/control-plane.ts'

/* How a validation is run, recorded and undone, against a real API server. */

const config = defaultSandboxConfig('dev')
const id = platformId(config)
const progress = { report: () => {} }
const where = { step: '7.aws.trial', cloud: 'aws' } as const

describe('tests of the platform', () => {
  const run = (tests: Parameters<typeof runTests<undefined>>[2], signal = new AbortController().signal) => {
    const events: EventBody[] = []
    const ended = runTests({ signal, emit: event => events.push(event) }, where, tests, undefined)
    return { events, ended }
  }
  const ok = { name: 'ok', title: 'all is well', run: async () => passed('fine') }

  test('one that fails, throws or takes too long hides no other', async () => {
    const { events, ended } = run([
      { name: 'wrong', title: 'two', run: async () => failed('2', '3') },
      {
        name: 'thrown',
        title: 'an answer',
        run: () => Promise.reject(new Error('fetch failed', { cause: new Error('refused') })),
      },
      { name: 'late', title: 'an end', deadlineMs: 50, run: () => new Promise(() => {}) },
      { name: 'after', title: 'needs wrong', after: ['wrong'], run: async () => passed('never') },
      { name: 'played', title: 'what is simulated', run: async () => simulated('nothing runs there') },
      ok,
    ])
    const results = await ended
    expect(results.map(({ name, outcome }) => `${name} ${outcome.state}`)).toEqual([
      'wrong failed',
      'thrown failed',
      'late failed',
      'after skipped',
      'played simulated',
      'ok passed',
    ])
    expect(events.map(event => event.type)).toEqual(Array.from({ length: 6 }, () => 'test-finished'))
    expect(events[0]).toMatchObject({ ...where, test: 'wrong', outcome: 'failed', expected: '2', got: '3' })
    expect(events[1]).toMatchObject({ test: 'thrown', got: 'fetch failed: refused' })
    expect(events[2]).toMatchObject({
      test: 'late',
      expected: 'an end, within 0.05 s',
      got: 'nothing in that time',
    })
  })

  test('an interrupt ends them, and nothing is said of what did not run', async () => {
    const controller = new AbortController()
    const { events, ended } = run(
      [
        {
          name: 'waits',
          title: 'waits',
          run: (_bench, signal) =>
            new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(signal.reason))
              controller.abort(new Error('interrupted'))
            }),
        },
        ok,
      ],
      controller.signal,
    )
    await expect(ended).rejects.toThrow('interrupted')
    expect(events).toEqual([])
  })

  test('are kept with the run, as JSON and as JUnit', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mlp-tests-'))
    const runId = '20261130T120000Z-abc123'
    const { events, ended } = run([
      ok,
      { name: 'wrong', title: 'a <b>', run: async () => failed('2', '3 & 4') },
    ])
    await ended
    await using log = await openRunLog({ folder, runId })
    for (const event of events) log.write({ at: '2026-11-30T12:00:00Z', ...event })
    const [json, xml] = await Promise.all(
      ['tests.json', 'tests.xml'].map(name => readFile(join(folder, runId, name), 'utf8')),
    )
    expect(JSON.parse(json ?? '')).toMatchObject([
      { test: 'ok', outcome: 'passed' },
      { test: 'wrong', outcome: 'failed', expected: '2', got: '3 & 4', cloud: 'aws' },
    ])
    expect(xml).toContain('<testsuite name="7.aws.trial" tests="2" failures="1" errors="0" skipped="0"')
    expect(xml).toContain('<failure message="expected 2; got 3 &amp; 4">')
    await rm(folder, { recursive: true, force: true })
  })
})

describe('a validation', { timeout: 240_000 }, () => {
  let plane: TestControlPlane
  let client: KubeClient
  let folder: string
  let context: Context

  beforeAll(async () => {
    plane = await startControlPlane()
    folder = await mkdtemp(join(tmpdir(), 'mlp-validation-'))
    const cloud = {
      name: 'aws',
      title: 'aws',
      region: 'somewhere',
      cluster: async () => plane.access,
      token: async () => plane.token(),
    } as unknown as Cloud
    context = {
      config,
      platformId: id,
      target: { name: 'sandbox', environment: {}, caFile: undefined, clouds: {} },
      toolchain: {},
      clouds: new Map([['aws', cloud]]),
      openKubeClient,
      home: folder,
      runFolder: folder,
      platformFolder: folder,
      templates: fileURLToPath(new URL('../../templates', import.meta.url)),
      mlpPath: '/nowhere',
      consent: { destroyData: false, chaos: false },
      signal: new AbortController().signal,
      emit: () => {},
      outputs: () => ({}),
    } as unknown as Context
    client = openKubeClient({
      cloud: 'aws',
      access: plane.access,
      token: async () => plane.token(),
      signal: context.signal,
    })
    for (const name of ['ml-platform', 'ml-serving'])
      await client.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    await client.apply(deployment('first'))
  })
  afterAll(async () => {
    await plane?.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  function deployment(image: string) {
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: 'model-serving',
        namespace: 'ml-serving',
        labels: { [platformIdKey.kubernetes]: id },
      },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'model-serving' } },
        template: {
          metadata: { labels: { app: 'model-serving' } },
          spec: { containers: [{ name: 'model-serving', image }] },
        },
      },
    }
  }

  /** A step whose tests end as they are told to. */
  function stepOf(results: readonly TestResult[], during: () => Promise<unknown> = async () => {}) {
    return validationStep({
      name: 'integration',
      cloud: 'aws',
      title: 'Trial',
      needs: [],
      clouds: () => ['aws'],
      async run() {
        await during()
        return results
      },
    })
  }
  const green: readonly TestResult[] = [{ name: 'inference', cloud: 'aws', outcome: passed('setosa') }]
  const red: readonly TestResult[] = [
    ...green,
    { name: 'sign-in', cloud: 'aws', outcome: failed('401', '200') },
  ]
  const checkOf = async (name: string) => {
    const check = validationChecks(['aws']).find(({ id: found }) => found === `7.aws.${name}`)
    if (check === undefined) throw new Error(`no check ${name}`)
    return await check.run(context)
  }

  test('is absent, runs, and is then proof of what is deployed', async () => {
    const step = stepOf(green)
    expect(await step.status(context)).toMatchObject({ state: 'absent', why: 'never validated' })
    expect(await checkOf('validation')).toMatchObject({ status: 'fail' })
    await step.apply(context, progress)
    expect(await step.status(context)).toMatchObject({
      state: 'present',
      why: expect.stringContaining('1 tests passed on '),
    })
  })

  test('that fails names test, cloud, expected and got, and stays to be done', async () => {
    const step = stepOf(red)
    await expect(step.apply(context, progress)).rejects.toMatchObject({
      code: 'MLP5260',
      message: '1 of 2 tests failed: sign-in on aws',
      detail: 'sign-in on aws: expected 401; got 200',
    })
    expect(await step.status(context)).toMatchObject({
      state: 'partial',
      why: expect.stringContaining('expected 401; got 200'),
    })
    expect(await checkOf('validation')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('expected 401; got 200'),
    })
  })

  test('is no proof any more of what was deployed since, or meanwhile', async () => {
    const step = stepOf(green)
    await step.apply(context, progress)
    await client.apply(deployment('second'))
    expect(await step.status(context)).toMatchObject({
      state: 'partial',
      why: 'what is deployed on aws is not what was validated',
    })
    const meanwhile = stepOf(green, () => client.apply(deployment('third')))
    await expect(meanwhile.apply(context, progress)).rejects.toMatchObject({ code: 'MLP5261' })
    expect(await meanwhile.status(context)).toMatchObject({ state: 'partial' })
  })

  test('takes away what a run that was killed has left, before anything else', async () => {
    await client.apply(
      markTest(context, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'mlp-validation-left', namespace: 'ml-platform' },
        data: {},
      }),
    )
    expect(await checkOf('leftovers')).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('ConfigMap ml-platform/mlp-validation-left'),
    })
    let found: unknown = 'not asked'
    await stepOf(green, async () => {
      found = await findTestObjects(context, client)
    }).apply(context, progress)
    expect(found).toEqual([])
    expect(await checkOf('leftovers')).toMatchObject({ status: 'pass' })
  })

  test('changes back what it has changed, from what is written in the cluster, and owns nothing of it', async () => {
    const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'model-serving', namespace: 'ml-serving' }
    const replicas = async () => (await client.get(ref))?.['spec']
    await client.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'one' } })
    await willUndo(context, client, 'chaos', [
      { kind: 'scaled', namespace: 'ml-serving', name: 'model-serving', replicas: 2 },
    ])
    await client.scaleForAWhile(ref, 0)
    await willUndo(context, client, 'chaos', [{ kind: 'cordoned', name: 'one' }])
    await client.cordon('one', true)
    expect(await replicas()).toMatchObject({ replicas: 0 })
    expect(await openChanges(client)).toHaveLength(2)
    // Another process, which knows nothing but the cluster.
    await restoreAll(context, client, undefined, () => {})
    expect(await replicas()).toMatchObject({ replicas: 2 })
    const node = await client.get({ apiVersion: 'v1', kind: 'Node', name: 'one' })
    expect(node?.['spec']).not.toHaveProperty('unschedulable')
    expect(await openChanges(client)).toEqual([])
    const before = await deployedNow(context, client)
    // No other manager owns the number: the next apply of another one is no conflict.
    const declared = deployment('third')
    await client.apply({ ...declared, spec: { ...declared.spec, replicas: 3 } })
    expect(await replicas()).toMatchObject({ replicas: 3 })
    expect((await deployedNow(context, client)).digest).toBe(before.digest)
  })

  test('is taken back with its records', async () => {
    const step = stepOf(green)
    await step.apply(context, progress)
    const undone = await step.undo?.(context, progress)
    expect(undone?.removed.map(({ name }) => name)).toEqual(['ml-platform/mlp-validation-integration'])
    expect(undone?.left).toEqual([])
    expect(await step.status(context)).toMatchObject({ state: 'absent' })
  })
})
