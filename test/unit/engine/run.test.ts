import { describe, expect, test } from 'vitest'
import { exitCodes, MlpError } from '../../../src/engine/errors.ts'
import { secretInput } from '../../../src/engine/inputs.ts'
import { type Guard, type RunOptions, type RunSummary, runSteps } from '../../../src/engine/run.ts'
import type { StateStore } from '../../../src/engine/state.ts'
import type { EngineContext, Status, Step } from '../../../src/engine/step.ts'
import { emptyWorld, temporaryState, type World, worldStep } from './support.ts'

const clock = { time: Date.parse('2026-01-01T10:00:00Z') }

function run(
  world: World,
  state: StateStore,
  steps: readonly Step<EngineContext>[],
  more: Partial<RunOptions<EngineContext>> = {},
): Promise<RunSummary> {
  return runSteps({ steps, makeContext: world.makeContext, state, runId: 'run-1', ...more })
}

function stateOf(summary: RunSummary, id: string) {
  const step = summary.steps.find(each => each.id === id)
  return step && `${step.state}: ${step.why}`
}

const oops = new MlpError({ code: 'MLP3004', summary: 'no quota', remedy: ['ask for more'] })

describe('what is done, and why', () => {
  test('absent is applied, and said to be done only once the world has it', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const summary = await run(world, state, [worldStep(world, '1.aws.net')])
    expect(world.calls).toEqual(['status 1.aws.net', 'apply 1.aws.net', 'status 1.aws.net'])
    expect(summary).toMatchObject({ result: 'ok', exitCode: 0, done: 1, skipped: 0, total: 1, errors: [] })
    expect(stateOf(summary, '1.aws.net')).toBe('done: not there yet')
    expect(state.get('1.aws.net')).toMatchObject({
      state: 'done',
      outputs: { made: '1.aws.net' },
      runId: 'run-1',
    })
  })

  test('a second run changes nothing, and says since when', async () => {
    const world = emptyWorld()
    const state = await temporaryState()
    await run(world, state, [worldStep(world, '1.aws.net')])
    world.calls.length = 0
    const later = () => new Date(Date.now() + 2 * 3600_000 + 60_000)
    const summary = await run(world, state, [worldStep(world, '1.aws.net')], { now: later })
    expect(world.calls).toEqual(['status 1.aws.net'])
    expect(stateOf(summary, '1.aws.net')).toBe('skipped: done 2 h ago, inputs unchanged, still as declared')
    expect(summary.outputs.get('1.aws.net')).toEqual({ made: '1.aws.net' })
  })

  test('without the state file, what is there is found in place and recorded', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    world.things.set('1.aws.net', { made: 'before' })
    const summary = await run(world, state, [worldStep(world, '1.aws.net')])
    expect(stateOf(summary, '1.aws.net')).toBe('skipped: found in place, still as declared')
    expect(state.get('1.aws.net')).toMatchObject({ state: 'done', outputs: { made: 'before' } })
  })

  test('changed inputs are named and applied, though the world has the thing', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const withMax = (max: number) =>
      worldStep(world, '1.aws.net', {
        inputs: () => ({ nodes: { max, min: 1 }, password: secretInput(`p${max}`) }),
      })
    await run(world, state, [withMax(10)])
    const summary = await run(world, state, [withMax(12)])
    expect(stateOf(summary, '1.aws.net')).toBe(
      'done: inputs changed: nodes.max 10 -> 12, password (a secret) changed',
    )
    expect(stateOf(await run(world, state, [withMax(12)]), '1.aws.net')).toMatch(/^skipped: done/)
  })

  test('more changes than three are counted', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const given = (value: number) =>
      worldStep(world, '1.aws.net', { inputs: () => ({ a: value, b: value, c: value, d: value }) })
    await run(world, state, [given(1)])
    expect(stateOf(await run(world, state, [given(2)]), '1.aws.net')).toBe(
      'done: inputs changed: a 1 -> 2, b 1 -> 2, c 1 -> 2 and 1 more',
    )
  })

  test('one change is enough', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const sized = (size: number) => worldStep(world, '1.aws.net', { inputs: () => ({ size }) })
    await run(world, state, [sized(1)])
    expect(stateOf(await run(world, state, [sized(2)]), '1.aws.net')).toBe(
      'done: inputs changed: size 1 -> 2',
    )
  })

  const whys: readonly [Status, string][] = [
    [{ state: 'absent', why: 'the bucket is missing' }, 'not there yet: the bucket is missing'],
    [{ state: 'partial', why: '2 of 3 subnets' }, 'incomplete: 2 of 3 subnets'],
    [{ state: 'drifted', why: 'tags differ' }, 'changed outside mlp: tags differ'],
    [{ state: 'unknown', why: 'timeout' }, 'could not be asked: timeout'],
  ]
  test.each(whys)('%o is applied', async (before, why) => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const status = async (): Promise<Status> => {
      const outputs = world.things.get('1.aws.net')
      return outputs === undefined ? before : { state: 'present', outputs }
    }
    const summary = await run(world, state, [worldStep(world, '1.aws.net', { status })])
    expect(stateOf(summary, '1.aws.net')).toBe(`done: ${why}`)
  })

  test('what was done and is gone is said to be gone', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    await run(world, state, [worldStep(world, '1.aws.net')])
    world.things.clear()
    const summary = await run(world, state, [worldStep(world, '1.aws.net')])
    expect(stateOf(summary, '1.aws.net')).toBe('done: was done, but is gone')
  })

  test.each([[true], [new Set(['1.aws.net'])]])('force %o applies again what looks done', async force => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    await run(world, state, [worldStep(world, '1.aws.net')])
    const summary = await run(world, state, [worldStep(world, '1.aws.net')], { force })
    expect(stateOf(summary, '1.aws.net')).toBe('done: forced')
  })

  test('a step that says done while the world disagrees is failed, and hands on nothing', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const liar = worldStep(world, '1.aws.net', { apply: async () => ({ made: 'nothing' }) })
    const next = worldStep(world, '1.aws.next', { needs: ['1.aws.net'] })
    const summary = await run(world, state, [liar, next])
    expect(summary).toMatchObject({ result: 'failed', exitCode: 3, failed: 1, blocked: 1 })
    expect(summary.errors).toMatchObject([{ step: '1.aws.net', error: { code: 'MLP5240' } }])
    expect(summary.outputs.size).toBe(0)
    expect(state.get('1.aws.net')).toMatchObject({ state: 'failed', error: { code: 'MLP5240' } })
  })

  test('a step whose world cannot be asked afterwards is not called done either', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const status = async (): Promise<Status> => ({ state: 'unknown', why: 'timeout' })
    const summary = await run(world, state, [worldStep(world, '1.aws.net', { status })])
    expect(summary.errors).toMatchObject([{ error: { code: 'MLP5241' } }])
  })
})

describe('what went wrong before', () => {
  test.each([
    ['running', 'the last run was interrupted here, yet it is complete: still as declared'],
    ['failed', 'failed in the last run, but is complete now: still as declared'],
  ])('%s, and complete now: skipped', async (before, why) => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    await state.begin('1.aws.net', { fingerprint: state.fingerprint({ size: 1 }), runId: '0', why: '' })
    if (before === 'failed') await state.fail('1.aws.net', { code: 'MLP3004', summary: 'x' })
    world.things.set('1.aws.net', {})
    expect(stateOf(await run(world, state, [worldStep(world, '1.aws.net')]), '1.aws.net')).toBe(
      `skipped: ${why}`,
    )
    expect(state.get('1.aws.net')?.state).toBe('done')
  })

  test('killed in the middle: applied again, and said why', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    await state.begin('1.aws.net', { fingerprint: state.fingerprint({ size: 1 }), runId: '0', why: '' })
    const summary = await run(world, state, [worldStep(world, '1.aws.net')])
    expect(stateOf(summary, '1.aws.net')).toBe('done: the last run was interrupted here')
  })
})

describe('failures', () => {
  test('a failure stops its lane; the other lanes finish', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const steps = [
      worldStep(world, '1.aws.net', { apply: () => Promise.reject(oops) }),
      worldStep(world, '1.aws.cluster', { needs: ['1.aws.net'] }),
      worldStep(world, '2.aws.names', { needs: ['1.aws.cluster'] }),
      worldStep(world, '1.gcp.net'),
      worldStep(world, '1.gcp.cluster', { needs: ['1.gcp.net'] }),
    ]
    const summary = await run(world, state, steps)
    expect(summary).toMatchObject({ result: 'failed', exitCode: 3, done: 2, failed: 1, blocked: 2, total: 5 })
    expect(stateOf(summary, '1.aws.cluster')).toBe('blocked: 1.aws.net failed')
    expect(stateOf(summary, '2.aws.names')).toBe('blocked: 1.aws.cluster is blocked')
    expect(world.events).toContainEqual(
      expect.objectContaining({ type: 'step-finished', step: '2.aws.names', state: 'blocked' }),
    )
    expect(state.get('1.aws.net')).toMatchObject({
      state: 'failed',
      error: { code: 'MLP3004', summary: 'no quota' },
    })
    expect(state.get('1.aws.cluster')).toBeUndefined()
  })

  test('a status() that throws fails the step without applying anything', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const summary = await run(world, state, [
      worldStep(world, '1.aws.net', { status: () => Promise.reject(oops) }),
    ])
    expect(summary.errors).toMatchObject([{ step: '1.aws.net', cloud: 'aws', error: { code: 'MLP3004' } }])
    expect(world.calls).toEqual([])
  })

  test.each([[new TypeError('x is undefined')], ['a text']])('%s thrown is a bug, exit 1', async thrown => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const steps = [
      worldStep(world, '1.aws.net', { apply: () => Promise.reject(thrown) }),
      worldStep(world, '1.gcp.net'),
    ]
    const summary = await run(world, state, steps)
    expect(summary).toMatchObject({ result: 'failed', exitCode: exitCodes.bug, done: 1 })
    expect(summary.errors[0]?.error.code).toBe('MLP9000')
    expect(summary.errors[0]?.error.remedy.join()).toMatch(/report/)
  })

  test('a lost lease begins nothing', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const guard = () => Promise.reject(new MlpError({ code: 'MLP5221', summary: 'lost', remedy: [] }))
    const summary = await run(world, state, [worldStep(world, '1.aws.net')], { guard })
    expect(summary.errors).toMatchObject([{ error: { code: 'MLP5221' } }])
    expect(world.calls).toEqual([])
  })

  test('it is asked again before a step is applied, and not before one that is skipped', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const steps = [worldStep(world, '1.aws.net'), worldStep(world, '1.gcp.net')]
    world.things.set('1.gcp.net', {})
    const guard: Guard = async (step, before) => {
      world.calls.push(`guard ${step} ${before}`)
    }
    await run(world, state, steps, { guard, concurrency: 1 })
    expect(world.calls).toEqual([
      'guard 1.aws.net ask',
      'status 1.aws.net',
      'guard 1.aws.net apply',
      'apply 1.aws.net',
      'status 1.aws.net',
      'guard 1.gcp.net ask',
      'status 1.gcp.net',
    ])
  })

  test('a lease that is lost while the world is asked changes nothing', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const guard: Guard = async (_step, before) => {
      if (before === 'apply') throw new MlpError({ code: 'MLP5221', summary: 'lost', remedy: [] })
    }
    const summary = await run(world, state, [worldStep(world, '1.aws.net')], { guard })
    expect(summary.errors).toMatchObject([{ error: { code: 'MLP5221' } }])
    expect(world.calls).toEqual(['status 1.aws.net'])
    expect(state.all().size, 'nor is it recorded as begun').toBe(0)
  })

  test('when the state cannot be written either, both errors are told', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const full = new MlpError({ code: 'MLP5211', summary: 'The disk is full', remedy: ['df -h'] })
    const broken: StateStore = { ...state, fail: () => Promise.reject(full) }
    const summary = await run(world, broken, [
      worldStep(world, '1.aws.net', { apply: () => Promise.reject(oops) }),
    ])
    expect(summary.errors[0]?.error).toMatchObject({
      code: 'MLP3004',
      detail: expect.stringContaining('The disk is full'),
      remedy: ['ask for more', 'df -h'],
    })
  })

  test('bugs in the graph reject', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const steps = [worldStep(world, '1.aws.net', { needs: ['1.aws.none'] })]
    await expect(run(world, state, steps)).rejects.toThrow('1.aws.net needs 1.aws.none')
    await expect(run(world, state, [], { only: ['1.aws.net'] })).rejects.toThrow(
      'no step has the id 1.aws.net',
    )
  })
})

describe('only some steps', () => {
  const lane = (world: World) => [
    worldStep(world, '1.aws.net'),
    worldStep(world, '1.aws.cluster', { needs: ['1.aws.net'] }),
    worldStep(world, '2.aws.names', { needs: ['1.aws.cluster'] }),
  ]

  test('only: what it needs is asked and never applied, what needs it is left alone', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    world.things.set('1.aws.net', { id: 7 })
    let seen: unknown
    const steps = lane(world).map(step =>
      step.id === '1.aws.cluster'
        ? {
            ...step,
            apply: async (context: EngineContext) => {
              seen = context.outputs('1.aws.net')
              world.things.set(step.id, {})
              return {}
            },
          }
        : step,
    )
    const summary = await run(world, state, steps, { only: ['1.aws.cluster'], force: true })
    expect(summary).toMatchObject({ result: 'ok', total: 2, done: 1, skipped: 1 })
    expect(seen).toEqual({ id: 7 })
    expect(world.calls.filter(call => call.startsWith('apply'))).toEqual([])
    expect(state.get('1.aws.net')).toBeUndefined()
  })

  test('askOnly: what is missing refuses with exit 5 and names the command', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const askOnly = new Set(['1.aws.net', '1.aws.cluster'])
    const summary = await run(world, state, lane(world), { askOnly })
    expect(summary).toMatchObject({ result: 'refused', exitCode: 5, failed: 1, blocked: 2 })
    expect(summary.errors[0]?.error).toMatchObject({
      code: 'MLP5242',
      detail: 'The world says: absent.',
      remedy: ['mlp bootstrap --to 1'],
    })
    expect(world.things.size).toBe(0)
  })
})

describe('interrupts', () => {
  test('running steps finish, the rest stays pending, and the result is interrupted', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const steps = [
      worldStep(world, '1.aws.net', {
        async apply() {
          world.controller.abort()
          world.things.set('1.aws.net', {})
          return {}
        },
      }),
      worldStep(world, '1.aws.cluster', { needs: ['1.aws.net'] }),
    ]
    const summary = await run(world, state, steps)
    expect(summary).toMatchObject({ result: 'interrupted', exitCode: 130, done: 1, blocked: 0, failed: 0 })
    expect(stateOf(summary, '1.aws.cluster')).toMatch(/^pending/)
    expect(state.get('1.aws.net')?.state).toBe('done')
  })

  test.each([
    ['MLP5130', new MlpError({ code: 'MLP5130', summary: 'interrupted', remedy: [] })],
    ['AbortError', new DOMException('aborted', 'AbortError')],
  ])('a step that is stopped by %s is interrupted, not failed, and the state shows it', async (_, thrown) => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const apply = () => {
      world.controller.abort()
      return Promise.reject(thrown)
    }
    const summary = await run(world, state, [worldStep(world, '1.aws.net', { apply })])
    expect(summary).toMatchObject({ result: 'interrupted', exitCode: 130, interrupted: 1, errors: [] })
    expect(state.get('1.aws.net')?.state).toBe('running')
  })

  test('a step that fails by itself while an interrupt is handled has failed', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const apply = () => {
      world.controller.abort()
      return Promise.reject(oops)
    }
    const steps = [
      worldStep(world, '1.aws.net', { apply }),
      worldStep(world, '1.gcp.net', { needs: ['1.aws.net'] }),
      worldStep(world, '1.azure.net'),
    ]
    const summary = await run(world, state, steps, { concurrency: 1 })
    expect(summary).toMatchObject({ result: 'interrupted', failed: 1, blocked: 1, interrupted: 0 })
    expect(summary.errors).toMatchObject([{ step: '1.aws.net', error: { code: 'MLP3004' } }])
    expect(state.get('1.aws.net')?.state).toBe('failed')
  })

  test('an interrupt while the world is asked begins nothing', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const status = async (): Promise<Status> => {
      world.controller.abort()
      return { state: 'absent' }
    }
    const summary = await run(world, state, [worldStep(world, '1.aws.net', { status })])
    expect(summary).toMatchObject({ result: 'interrupted', interrupted: 1 })
    expect(state.get('1.aws.net')).toBeUndefined()
  })

  test('an interrupt after the last step’s end is no interrupt', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const apply = async () => {
      world.controller.abort()
      world.things.set('1.aws.net', {})
      return {}
    }
    expect(await run(world, state, [worldStep(world, '1.aws.net', { apply })])).toMatchObject({
      result: 'ok',
    })
  })
})

test('progress is told with its step, and a fraction only where there is one', async () => {
  const [world, state] = [emptyWorld(), await temporaryState()]
  const step = worldStep(world, '1.aws.net')
  const apply: typeof step.apply = (context, progress) => {
    progress.report('3 of 6', 0.5)
    return step.apply(context, progress)
  }
  await run(world, state, [{ ...step, apply }], { now: () => new Date(clock.time) })
  const told = world.events.filter(event => event.type === 'step-progress')
  expect(told).toContainEqual({
    type: 'step-progress',
    step: '1.aws.net',
    cloud: 'aws',
    message: '3 of 6',
    fraction: 0.5,
  })
  expect(told[0]).not.toHaveProperty('fraction')
})

test('each step is told from its beginning to its end, with what it made or what went wrong', async () => {
  const [world, state] = [emptyWorld(), await temporaryState()]
  const steps = [
    worldStep(world, '1.aws.net'),
    worldStep(world, '1.gcp.net', { apply: () => Promise.reject(oops) }),
  ]
  await run(world, state, steps, { concurrency: 1 })
  const told = (step: string) =>
    world.events.flatMap(event => ('step' in event && event.step === step ? [event] : []))
  expect(told('1.aws.net')).toMatchObject([
    { type: 'step-progress', message: 'asking what is there' },
    { type: 'step-started', title: 'thing of 1.aws.net', why: 'not there yet' },
    { type: 'step-progress', message: 'asking whether it holds' },
    { type: 'step-finished', state: 'done', outputs: { made: '1.aws.net' } },
  ])
  const failed = told('1.gcp.net').at(-1)
  expect(failed).toMatchObject({ type: 'step-finished', state: 'failed', error: { code: 'MLP3004' } })
  expect(failed).not.toHaveProperty('outputs')
})

describe('what stands before the first change', () => {
  const steps = (world: World) => [worldStep(world, '1.aws.net'), worldStep(world, '1.gcp.net')]

  test('is asked once, whatever number of steps want to begin', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const asked = async () => void world.calls.push('asked')
    expect(await run(world, state, steps(world), { beforeFirstChange: asked })).toMatchObject({ done: 2 })
    expect(world.calls.filter(call => call === 'asked')).toHaveLength(1)
    expect(world.calls.indexOf('asked')).toBeLessThan(world.calls.findIndex(call => call.startsWith('apply')))
  })

  test('is not asked when nothing is to be changed', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    for (const id of ['1.aws.net', '1.gcp.net']) world.things.set(id, { made: id })
    const refuse = () => Promise.reject(oops)
    const summary = await run(world, state, steps(world), { beforeFirstChange: refuse })
    expect(summary).toMatchObject({ result: 'ok', skipped: 2 })
  })

  test('ends the run with its error, and with nothing begun', async () => {
    const [world, state] = [emptyWorld(), await temporaryState()]
    const refuse = () => Promise.reject(oops)
    await expect(run(world, state, steps(world), { beforeFirstChange: refuse })).rejects.toBe(oops)
    expect(world.calls.filter(call => call.startsWith('apply'))).toEqual([])
    expect(state.all().size).toBe(0)
  })
})
