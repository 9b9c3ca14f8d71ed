import { describe, expect, test } from 'vitest'
import { MlpError } from '../../../src/engine/errors.ts'
import { planSteps } from '../../../src/engine/plan.ts'
import { runSteps } from '../../../src/engine/run.ts'
import type { EngineContext, Step } from '../../../src/engine/step.ts'
import { type UndoOptions, undoSteps } from '../../../src/engine/undo.ts'
import { emptyWorld, temporaryState, type World, worldStep } from './support.ts'

const thing = (name: string) => ({ cloud: 'aws', type: 'bucket', id: name, name, reason: 'data' })
const oops = new MlpError({ code: 'MLP3003', summary: 'denied', remedy: [] })

function lanes(world: World): readonly Step<EngineContext>[] {
  return [
    worldStep(world, '1.aws.net'),
    worldStep(world, '1.aws.cluster', { needs: ['1.aws.net'] }),
    worldStep(world, '2.aws.names', { needs: ['1.aws.cluster'] }),
    worldStep(world, '1.gcp.net'),
  ]
}

async function platform(
  change: (step: Step<EngineContext>, world: World) => Step<EngineContext> = step => step,
) {
  const world = emptyWorld()
  const state = await temporaryState()
  const steps = lanes(world)
  await runSteps({ steps, makeContext: world.makeContext, state, runId: 'up' })
  world.calls.length = 0
  const undo = (more: Partial<UndoOptions<EngineContext>> = {}) =>
    undoSteps({
      steps: steps.map(step => change(step, world)),
      makeContext: world.makeContext,
      state,
      ...more,
    })
  return { world, state, undo }
}

describe('undo', () => {
  test('takes back what needs a step before the step, and forgets it', async () => {
    const { world, state, undo } = await platform()
    const summary = await undo()
    const order = world.calls.filter(call => call.startsWith('undo')).map(call => call.slice(5))
    expect(order.indexOf('2.aws.names')).toBeLessThan(order.indexOf('1.aws.cluster'))
    expect(order.indexOf('1.aws.cluster')).toBeLessThan(order.indexOf('1.aws.net'))
    expect(order).toHaveLength(4)
    expect(summary).toMatchObject({ result: 'ok', exitCode: 0, done: 4, failed: 0, total: 4 })
    expect(summary.removed).toHaveLength(4)
    expect(world.things.size).toBe(0)
    expect(state.all().size).toBe(0)
  })

  test('of later phases alone leaves the earlier ones, and asks them for what the later ones need', async () => {
    const { world, state, undo } = await platform()
    const askOnly = new Set(['1.aws.net', '1.aws.cluster', '1.gcp.net'])
    const summary = await undo({ askOnly })
    expect(world.calls.filter(call => call.startsWith('undo'))).toEqual(['undo 2.aws.names'])
    expect(world.calls).toContain('status 1.aws.cluster')
    expect(summary).toMatchObject({ result: 'ok', done: 1, total: 1 })
    expect([...state.all().keys()].toSorted()).toEqual([...askOnly].toSorted())
  })

  test('knows what the steps returned, from the world, else from memory', async () => {
    const seen = new Map<string, unknown>()
    const { world, undo } = await platform((step, _) =>
      step.id === '2.aws.names'
        ? {
            ...step,
            undo: async context => {
              for (const id of ['1.aws.net', '1.aws.cluster', '1.gcp.net'] as const)
                seen.set(id, context.outputs(id))
              return { removed: [], kept: [], left: [] }
            },
          }
        : step.id === '1.aws.cluster'
          ? { ...step, status: () => Promise.reject(oops) }
          : step,
    )
    world.things.delete('1.gcp.net')
    world.things.set('1.aws.net', { made: 'anew, by somebody else' })
    await undo()
    expect(seen.get('1.aws.net'), 'the world knows better').toEqual({ made: 'anew, by somebody else' })
    expect(seen.get('1.aws.cluster'), 'cannot be asked: remembered').toEqual({ made: '1.aws.cluster' })
    expect(seen.get('1.gcp.net'), 'gone from the world').toBeUndefined()
  })

  test('a failure keeps what it needs, and other lanes go on', async () => {
    const { world, state, undo } = await platform(step =>
      step.id === '1.aws.cluster' ? { ...step, undo: () => Promise.reject(oops) } : step,
    )
    const summary = await undo()
    expect(summary).toMatchObject({ result: 'failed', exitCode: 3, done: 2, failed: 1, blocked: 1 })
    expect(summary.steps.find(({ id }) => id === '1.aws.net')).toMatchObject({
      state: 'blocked',
      why: '1.aws.cluster is still there',
    })
    expect([...world.things.keys()]).toEqual(['1.aws.net', '1.aws.cluster'])
    expect([...state.all().keys()].sort()).toEqual(['1.aws.cluster', '1.aws.net'])
  })

  test('kept is success; left is a failure that names what is left, but stops nothing', async () => {
    const { world, state, undo } = await platform(step => {
      if (step.id === '1.gcp.net')
        return { ...step, undo: async () => ({ removed: [], kept: [thing('data')], left: [] }) }
      if (step.id === '2.aws.names')
        return { ...step, undo: async () => ({ removed: [], kept: [], left: [thing('stray')] }) }
      return step
    })
    const summary = await undo()
    expect(summary).toMatchObject({ result: 'failed', exitCode: 3, failed: 1, blocked: 0, done: 3 })
    expect(summary.kept).toEqual([thing('data')])
    expect(summary.left).toEqual([thing('stray')])
    expect(summary.errors).toMatchObject([
      { step: '2.aws.names', error: { code: 'MLP5243', detail: expect.stringContaining('stray') } },
    ])
    expect([...state.all().keys()]).toEqual(['2.aws.names'])
    const ends = world.events.filter(event => event.type === 'step-finished').slice(-4)
    expect(Object.fromEntries(ends.map(({ step, state: ended, why }) => [step, `${ended}: ${why}`]))).toEqual(
      {
        '2.aws.names': 'left: 2.aws.names left 1 behind: stray',
        '1.aws.cluster': 'removed: removed 1',
        '1.aws.net': 'removed: removed 1',
        '1.gcp.net': 'kept: kept data',
      },
    )
    expect(ends.find(({ step }) => step === '2.aws.names')?.error?.code).toBe('MLP5243')
    expect(ends.find(({ step }) => step === '1.gcp.net')).not.toHaveProperty('error')
  })

  test('a step with nothing to take back is skipped, and progress is told', async () => {
    const { world, state, undo } = await platform(step => {
      if (step.id === '1.gcp.net') {
        const { undo: _, ...without } = step
        return without
      }
      return {
        ...step,
        undo: async (context, progress) => {
          progress.report('deleting', 0.5)
          progress.report('deleted')
          return (await step.undo?.(context, progress)) ?? { removed: [], kept: [], left: [] }
        },
      }
    })
    const summary = await undo()
    expect(summary).toMatchObject({ result: 'ok', skipped: 1, done: 3 })
    expect(state.all().size).toBe(0)
    expect(world.events).toContainEqual(
      expect.objectContaining({ type: 'step-progress', message: 'deleting', fraction: 0.5 }),
    )
  })

  test.each([
    ['a tool', new MlpError({ code: 'MLP5130', summary: 'interrupted', remedy: [] })],
    ['a call to a cloud', new DOMException('This operation was aborted', 'AbortError')],
  ])('an interrupt of %s leaves the rest for the next run', async (_, thrown) => {
    const { world, undo } = await platform((step, world) =>
      step.id === '2.aws.names'
        ? {
            ...step,
            undo: () => {
              world.controller.abort()
              return Promise.reject(thrown)
            },
          }
        : step,
    )
    const summary = await undo({ concurrency: 1 })
    expect(summary).toMatchObject({
      result: 'interrupted',
      exitCode: 130,
      interrupted: 1,
      failed: 0,
      blocked: 0,
    })
    expect(world.things.has('1.aws.net')).toBe(true)
    expect(summary.steps.find(({ id }) => id === '1.aws.net')?.state).toBe('pending')
  })

  test('a lost lease takes nothing back', async () => {
    const { world, undo } = await platform()
    const summary = await undo({
      guard: () => Promise.reject(new MlpError({ code: 'MLP5221', summary: 'lost', remedy: [] })),
    })
    expect(summary).toMatchObject({ result: 'refused', exitCode: 6 })
    expect(world.things.size).toBe(4)
  })
})

describe('plan', () => {
  test('says what would be done and why, and changes neither world nor state', async () => {
    const { world, state } = await platform()
    world.things.delete('2.aws.names')
    world.calls.length = 0
    const before = JSON.stringify([...state.all()])
    const steps = lanes(world).map(step =>
      step.id === '1.aws.net' ? { ...step, inputs: () => ({ size: 2 }) } : step,
    )
    const plan = await planSteps({ steps, makeContext: world.makeContext, state })
    expect(plan.actions).toMatchObject([
      { step: '1.aws.net', action: 'change', why: 'inputs changed: size 1 -> 2' },
      { step: '2.aws.names', action: 'create', why: 'absent' },
    ])
    expect(plan.unchanged).toEqual(['1.aws.cluster', '1.gcp.net'])
    expect(world.calls.every(call => call.startsWith('status'))).toBe(true)
    expect(JSON.stringify([...state.all()])).toBe(before)
  })

  test('of later phases alone leaves out what the earlier ones would do', async () => {
    const { world, state } = await platform()
    world.things.clear()
    const askOnly = new Set(['1.aws.net', '1.aws.cluster', '1.gcp.net'])
    const plan = await planSteps({ steps: lanes(world), askOnly, makeContext: world.makeContext, state })
    expect(plan.actions).toMatchObject([{ step: '2.aws.names', action: 'create' }])
    expect(plan.unchanged).toEqual([])
  })

  test('a step’s own plan is asked, with what earlier steps returned; one that cannot be planned stops no other', async () => {
    const { world, state } = await platform()
    let seen: unknown
    const action = {
      step: '1.aws.cluster',
      cloud: 'aws',
      subject: 'x',
      action: 'replace',
      why: 'y',
      destroysData: true,
      seconds: null,
      monthlyCost: null,
    } as const
    const steps = lanes(world).map((step): Step<EngineContext> => {
      if (step.id === '1.gcp.net') return { ...step, status: () => Promise.reject(oops) }
      if (step.id === '2.aws.names')
        return { ...step, status: async () => ({ state: 'unknown', why: 'no answer' }) }
      if (step.id !== '1.aws.cluster') return step
      return {
        ...step,
        status: async () => ({ state: 'drifted', why: 'version' }),
        plan: async context => {
          seen = context.outputs('1.aws.net')
          return [action]
        },
      }
    })
    const plan = await planSteps({ steps, makeContext: world.makeContext, state, concurrency: 2 })
    expect(seen).toEqual({ made: '1.aws.net' })
    expect(plan.actions).toMatchObject([action, { step: '2.aws.names', action: 'run', why: 'no answer' }])
    expect(plan.errors).toMatchObject([{ step: '1.gcp.net', error: { code: 'MLP3003' } }])
  })
})
