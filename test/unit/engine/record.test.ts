import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MlpError } from '../../../src/engine/errors.ts'
import type { EventBody } from '../../../src/engine/events.ts'
import { newHolder } from '../../../src/engine/lease-holder.ts'
import { createSharedRecord, type SharedRecord } from '../../../src/engine/record.ts'
import { readSharedState } from '../../../src/engine/record-copy.ts'
import { breakSharedLease, readSharedLease } from '../../../src/engine/record-lease.ts'
import { runSteps } from '../../../src/engine/run.ts'
import { openState, type StateStore } from '../../../src/engine/state.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'
import { emptyWorld, temporaryFolder, worldStep } from './support.ts'

const signal = new AbortController().signal
const prepareStep = '1.aws.prepare'

interface Machine {
  readonly record: SharedRecord
  readonly state: StateStore
  readonly notices: string[]
}

/** A machine with a folder of its own, whose runs others take for alive: they are of this process. */
async function machine(store: MemoryStore, file?: string): Promise<Machine> {
  const state = await openState({
    file: file ?? join(await temporaryFolder(), 'state.json'),
    mlpVersion: '0.1.0',
    platformId: 'mlp-test',
  })
  const notices: string[] = []
  const record = createSharedRecord({
    store,
    state,
    lease: { holder: newHolder('mlp bootstrap', new Date()), tookOver: undefined },
    prepareStep,
    emit: event => {
      if (event.type === 'notice') notices.push(`${event.level}: ${event.message}`)
    },
    signal,
  })
  return { record, state, notices }
}

async function did({ state }: Machine, step: string): Promise<void> {
  await state.begin(step, { fingerprint: state.fingerprint({}), runId: 'r', why: '' })
  await state.succeed(step, { outputs: { made: step }, why: 'not there yet' })
}

const finished = (step: string): EventBody => ({
  type: 'step-finished',
  step,
  cloud: 'aws',
  title: '',
  state: 'done',
  why: '',
  durationMs: 0,
})

const notSent = {
  runId: 'r',
  read: async () => '',
  sent: async () => {
    throw new Error('it was not sent')
  },
}

test('a fresh machine goes on from what another one did; a third is refused meanwhile', async () => {
  const store = memoryStore()
  const first = await machine(store)
  await first.record.take()
  await did(first, '1.aws.net')
  const sent: string[] = []
  const history = {
    runId: 'r1',
    read: async () => '{"type":"run-finished"}\n',
    sent: async () => void sent.push('r1'),
  }
  expect(await first.record.close([history])).toEqual([])
  expect(sent).toEqual(['r1'])
  expect(store.texts.get('runs/r1/events.ndjson')).toBe('{"type":"run-finished"}\n')

  const second = await machine(store)
  await second.record.take()
  expect(second.state.get('1.aws.net')).toEqual(first.state.get('1.aws.net'))
  expect(second.notices).toEqual(['info: goes on from the record in memory://test/mlp'])
  const third = await machine(store)
  await expect(third.record.take()).rejects.toMatchObject({ code: 'MLP5220', exitCode: 6 })
  expect(await third.record.close()).toEqual([])
  await did(second, '1.aws.more')
  await second.record.close()

  const again = await machine(store, first.state.file)
  await again.record.take()
  expect([...again.state.all().keys()]).toEqual(['1.aws.net', '1.aws.more'])
  await again.record.close()
})

test('what a killed run could not send any more is sent by the next one on its machine', async () => {
  const store = memoryStore()
  const first = await machine(store)
  await first.record.take()
  await did(first, '1.aws.net')
  await first.record.close()
  // Recorded here only: the copy has ended.
  await did(first, '1.aws.more')
  const next = await machine(store, first.state.file)
  await next.record.take()
  expect(await next.record.close()).toEqual([])
  const { document } = await readSharedState(store, signal)
  expect(Object.keys(document?.steps ?? {})).toEqual(['1.aws.net', '1.aws.more'])
})

test('a lease that was removed by hand begins again above every number in the record', async () => {
  const store = memoryStore()
  const document = { schemaVersion: 1, mlpVersion: '1', platformId: 'mlp-test', fence: 9, steps: {} }
  store.put('state.json', JSON.stringify(document))
  const one = await machine(store)
  await one.record.take()
  await did(one, '1.aws.net')
  expect(await one.record.close()).toEqual([])
  expect((await readSharedState(store, signal)).document).toMatchObject({
    fence: 10,
    steps: { '1.aws.net': { state: 'done' } },
  })
  expect(await readSharedLease(store, signal)).toBeUndefined()
})

describe('a machine that slept while others had the lease', () => {
  /** What happens while it sleeps: it is unlocked, another machine works, and has ended or not. */
  const othersWork = async (store: MemoryStore, ends: boolean): Promise<void> => {
    const { id } = (await readSharedLease(store, signal)) ?? { id: '' }
    await breakSharedLease(store, id, newHolder('mlp unlock', new Date()), signal)
    const other = await machine(store)
    await other.record.take()
    await did(other, '1.aws.net')
    // What it did is there already.
    await expect.poll(() => store.texts.get('state.json')).toContain('"fence": 3')
    if (ends) await other.record.close()
  }

  test.each([true, false])(
    'after it had taken it: this run is over, takes it no second time, and changes nothing (the other has ended: %s)',
    async ends => {
      let isAsleep = true
      const store: MemoryStore = memoryStore({
        async before(what, name) {
          if (what !== 'read' || name !== 'state.json' || !isAsleep) return
          isAsleep = false
          await othersWork(store, ends)
        },
      })
      const one = await machine(store)
      await expect(one.record.take()).rejects.toMatchObject({ code: 'MLP5221', exitCode: 6 })
      const { length } = store.written
      expect(await one.record.close()).toEqual([])
      expect(store.written).toHaveLength(length)
      expect((await readSharedState(store, signal)).document).toMatchObject({ fence: 3 })
      expect((await readSharedLease(store, signal)) === undefined).toBe(ends)
    },
  )

  test('before it heard that it had taken it: this run is over, too', async () => {
    let isAsleep = true
    const store: MemoryStore = memoryStore({
      async after(what, name) {
        if (what !== 'write' || name !== 'lease.json' || !isAsleep) return undefined
        isAsleep = false
        await othersWork(store, true)
        return 'lost'
      },
    })
    const one = await machine(store)
    await expect(one.record.take()).rejects.toMatchObject({ code: 'MLP5220', exitCode: 6 })
    const { length } = store.written
    expect(await one.record.close()).toEqual([])
    expect(store.written).toHaveLength(length)
  })
})

test.each([true, false])(
  'interrupted while it takes the lease, a run leaves none (the place answers: %s)',
  async answers => {
    const state = { isAborted: false }
    const store = memoryStore({
      before() {
        if (state.isAborted && !answers)
          throw new MlpError({ code: 'MLP3002', summary: 'AWS cannot be reached', remedy: ['wait'] })
      },
      after(what) {
        if (what !== 'write' || state.isAborted) return undefined
        state.isAborted = true
        throw new DOMException('This operation was aborted', 'AbortError')
      },
    })
    const one = await machine(store)
    await expect(one.record.take()).rejects.toMatchObject({ name: 'AbortError' })
    const problems = await one.record.close()
    if (answers) {
      expect(problems).toEqual([])
      expect(await readSharedLease(store, signal)).toBeUndefined()
    } else expect(problems).toEqual([expect.stringContaining('is not known: AWS cannot be reached')])
  },
)

describe('a record that cannot be understood', () => {
  test('is kept on this machine, told, and replaced by what this machine knows', async () => {
    const store = memoryStore()
    store.put('state.json', '{"schemaVersion":1,"ste')
    const one = await machine(store)
    await one.record.take()
    const folder = dirname(one.state.file)
    const kept = (await readdir(folder)).find(name => name.includes('.shared-damaged-'))
    expect(await readFile(join(folder, kept ?? ''), 'utf8')).toBe('{"schemaVersion":1,"ste')
    expect(one.notices[0]).toContain(kept)
    await did(one, '1.aws.net')
    await one.record.close()
    expect(Object.keys((await readSharedState(store, signal)).document?.steps ?? {})).toEqual(['1.aws.net'])
  })

  test.each([
    ['of a newer mlp', { schemaVersion: 9 }, 'MLP5210'],
    [
      'of another platform',
      { schemaVersion: 1, mlpVersion: '1', platformId: 'mlp-other', steps: {} },
      'MLP5213',
    ],
  ])('%s: refused, and the lease given back', async (_, document, code) => {
    const store = memoryStore()
    store.put('state.json', JSON.stringify(document))
    const one = await machine(store)
    await expect(one.record.take()).rejects.toMatchObject({ code, exitCode: 2 })
    await one.record.close()
    expect(await readSharedLease(store, signal)).toBeUndefined()
    expect(store.texts.get('state.json')).toBe(JSON.stringify(document))
  })
})

describe('before there is a place for it', () => {
  test('other lanes wait while it is being made, then all steps go under the lease', async () => {
    const store = memoryStore()
    store.isThere = false
    const one = await machine(store)
    await one.record.take()
    const order: string[] = []
    const guarded = (step: string) => one.record.guard(step, 'ask').then(() => order.push(step))
    const others = [guarded('1.gcp.prepare'), guarded(prepareStep), guarded('1.azure.prepare')]
    await others[1]
    expect(order).toEqual([prepareStep])
    await new Promise(resolve => setTimeout(resolve, 5))
    expect(order, 'still').toEqual([prepareStep])
    store.isThere = true
    one.record.observe(finished('1.gcp.something'))
    one.record.observe(finished(prepareStep))
    await Promise.all(others)
    expect(await readSharedLease(store, signal)).toMatchObject({ pid: process.pid })
    await one.record.guard(prepareStep, 'ask')
    await did(one, prepareStep)
    expect(await one.record.close()).toEqual([])
    expect(Object.keys((await readSharedState(store, signal)).document?.steps ?? {})).toEqual([prepareStep])
  })

  test('without the step that makes it nobody waits; that it is on this machine only is said once', async () => {
    const store = memoryStore()
    store.isThere = false
    const one = await machine(store)
    await one.record.guard('1.gcp.prepare', 'ask')
    await one.record.guard('1.gcp.apply-foundation', 'ask')
    expect(one.notices).toEqual([
      'warning: memory://test/mlp is not there yet: this run is recorded and locked on this machine only',
    ])
    expect(await one.record.close([notSent])).toEqual([])
  })

  test('what another machine did meanwhile is joined with what this one is in the middle of', async () => {
    const store = memoryStore()
    const other = await machine(store)
    await other.record.take()
    await did(other, '1.aws.net')
    await other.record.close()
    const one = await machine(store)
    await one.state.begin('1.gcp.prepare', {
      fingerprint: one.state.fingerprint({}),
      runId: 'r',
      why: '',
    })
    await one.record.guard('1.gcp.apply-foundation', 'ask')
    await one.state.succeed('1.gcp.prepare', { outputs: {}, why: '' })
    expect([...one.state.all().keys()]).toEqual(['1.aws.net', '1.gcp.prepare'])
    await one.record.close()
  })
})

test('of two machines that begin a new platform together one does everything, the other exits 6', async () => {
  const store = memoryStore()
  store.isThere = false
  const clouds = ['aws', 'gcp', 'azure'] as const
  const run = async () => {
    const world = emptyWorld()
    const one = await machine(store)
    await one.record.take()
    const steps = clouds.flatMap(cloud => [
      worldStep(world, `1.${cloud}.prepare`, {
        async apply() {
          await new Promise(resolve => setTimeout(resolve, cloud === 'aws' ? 30 : 1))
          if (cloud === 'aws') store.isThere = true
          world.things.set(`1.${cloud}.prepare`, {})
          return {}
        },
      }),
      worldStep(world, `1.${cloud}.apply`, { needs: [`1.${cloud}.prepare`] }),
    ])
    const summary = await runSteps({
      steps,
      makeContext: outputs => {
        const context = world.makeContext(outputs)
        return {
          ...context,
          emit: event => {
            context.emit(event)
            one.record.observe(event)
          },
        }
      },
      state: one.state,
      runId: 'r',
      guard: one.record.guard,
    })
    await one.record.close()
    return { exitCode: summary.exitCode, applied: world.calls.filter(call => call.startsWith('apply')) }
  }
  const ends = (await Promise.all([run(), run()])).sort((a, b) => a.exitCode - b.exitCode)
  expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 6])
  expect(ends[1]?.applied, 'only what makes the place').toEqual([])
})

describe('a store that cannot be reached', () => {
  function flaky() {
    const switches = { reachable: true }
    const store = memoryStore({
      before() {
        if (!switches.reachable)
          throw new MlpError({ code: 'MLP3002', summary: 'AWS cannot be reached', remedy: ['wait'] })
      },
    })
    return { store, switches }
  }

  test('at the start: the run does not begin, since another may be at work', async () => {
    const { store, switches } = flaky()
    switches.reachable = false
    const one = await machine(store)
    await expect(one.record.take()).rejects.toMatchObject({ code: 'MLP3002' })
    for (const step of [prepareStep, '1.gcp.prepare']) {
      const guarded = one.record.guard(step, 'ask')
      one.record.observe(finished(prepareStep))
      await expect(guarded).rejects.toMatchObject({ code: 'MLP3002' })
    }
    expect(await one.record.close()).toEqual([])
  })

  test('before a step: it does not begin', async () => {
    const { store, switches } = flaky()
    const one = await machine(store)
    await one.record.take()
    switches.reachable = false
    await expect(one.record.guard('1.aws.net', 'apply')).rejects.toMatchObject({ code: 'MLP3002' })
  })

  test('at the end: told, nothing is lost, and the next run on this machine makes up for it', async () => {
    const { store, switches } = flaky()
    const one = await machine(store)
    await one.record.take()
    switches.reachable = false
    await did(one, '1.aws.net')
    const problems = await one.record.close([notSent])
    expect(problems).toEqual([
      expect.stringMatching(
        /^the history of run r is on this machine only; the next run sends it: AWS cannot be reached$/,
      ),
      expect.stringMatching(/the next run on this machine sends it: AWS cannot be reached$/),
      expect.stringMatching(/the next run on this machine removes it: AWS cannot be reached$/),
    ])
    expect(
      (await openState({ ...one.state, mlpVersion: '0.1.0', platformId: 'mlp-test' })).get('1.aws.net')
        ?.state,
    ).toBe('done')
  })
})
