import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import * as z from 'zod'
import { createClouds } from '../../src/cli/clouds.ts'
import { resolveTarget, withAccounts } from '../../src/cli/target.ts'
import type { Cloud, CloudName } from '../../src/clouds/cloud.ts'
import { loadConfig } from '../../src/config/load.ts'
import { readSharedLease } from '../../src/engine/record-lease.ts'
import type { RecordStore } from '../../src/engine/record-store.ts'
import { createPlayground, type Playground, parseEvents, type Running, startMlpOn } from '../support/mlp.ts'
import { eventually } from '../support/processes.ts'
import { sandboxProcesses } from '../support/sandbox.ts'

// Generous: other work may keep the machine busy.
vi.setConfig({ testTimeout: 300_000 })
const signal = AbortSignal.timeout(1_800_000)
let playground: Playground
let clouds: ReadonlyMap<CloudName, Cloud>

beforeAll(async () => {
  playground = await createPlayground()
  const started = await playground.mlp(['sandbox', 'start'])
  expect(started.exitCode, started.stderr).toBe(0)
  const config = await loadConfig({ file: undefined, environment: undefined, target: 'sandbox' })
  const target = await resolveTarget({
    config,
    platformFolder: playground.folder,
    environment: playground.env,
    signal,
    report: () => undefined,
  })
  clouds = await createClouds(withAccounts(config, target), target, undefined)
})
afterAll(() => playground?.dispose())

function cloudNamed(name: CloudName): Cloud {
  const cloud = clouds.get(name)
  if (cloud === undefined) throw new Error(`no cloud ${name}`)
  return cloud
}

// versitygw, fake-gcs-server and azurite, each behind its cloud's signed API.
describe.each(['aws', 'gcp', 'azure'] as const)('the record in the state bucket of %s', name => {
  let store: RecordStore
  beforeAll(() => {
    store = cloudNamed(name).record()
  })

  test('has no place before the account is prepared, and is empty then', async () => {
    expect(await store.read('lease.json', signal)).toEqual({ state: 'no-store' })
    await cloudNamed(name).prepare(signal, () => undefined)
    expect(await store.read('lease.json', signal)).toEqual({ state: 'absent' })
  })

  test('is written on condition only: absent, or of the version that was read', async () => {
    const document = 'folder/document with ünusual name.json'
    const first = await store.write(document, 'one', undefined, signal)
    expect(first).toEqual(expect.any(String))
    expect(await store.write(document, 'two', undefined, signal)).toBeUndefined()
    const second = await store.write(document, 'two', first, signal)
    expect(await store.write(document, 'three', first, signal)).toBeUndefined()
    expect(await store.read(document, signal)).toEqual({ state: 'found', text: 'two', version: second })
    expect(await store.write('absent', 'x', second, signal)).toBeUndefined()
    expect(await store.read('absent', signal)).toEqual({ state: 'absent' })
  })

  test('keeps what it answered for, whenever the object store is killed', async () => {
    const emulator = { aws: 'emulators/s3', gcp: 'emulators/gcs', azure: 'emulators/blob' }[name]
    for (const document of ['kept-1', 'kept-2', 'kept-3']) {
      const pid = (await sandboxProcesses(playground)).get(emulator) ?? 0
      expect(pid).toBeGreaterThan(0)
      expect(await store.write(document, 'answered', undefined, signal)).toEqual(expect.any(String))
      process.kill(pid, 'SIGKILL')
      expect((await playground.mlp(['sandbox', 'start'])).exitCode).toBe(0)
      expect(await store.read(document, signal)).toMatchObject({ text: 'answered' })
    }
  })

  test('twelve processes that race for the lease: one wins each time, the others are told who', async () => {
    const racers = await startRacers(name, 12)
    let fence = 0
    for (let round = 0; round < 8; round++) {
      const answers = await Promise.all(racers.map(racer => racer.ask('take')))
      const winners = answers.flatMap((answer, index) => (answer.startsWith('won ') ? [index] : []))
      expect(winners, answers.join('\n')).toHaveLength(1)
      const [winner = 0] = winners
      const won = Number(answers[winner]?.split(' ')[1])
      expect(won).toBeGreaterThan(fence)
      fence = won
      for (const [index, answer] of answers.entries()) {
        if (index !== winner) expect(answer).toContain(`(process ${racers[winner]?.pid}, "race")`)
      }
      expect(await racers[winner]?.ask('give')).toBe('gave')
    }
    for (const racer of racers) racer.end()
  })

  test('eight processes that change one document: no change is lost', async () => {
    const racers = await startRacers(name, 8)
    expect(new Set(await Promise.all(racers.map(racer => racer.ask('count 10'))))).toEqual(
      new Set(['counted']),
    )
    expect(await store.read('counter', signal)).toMatchObject({ text: '80' })
    for (const racer of racers) racer.end()
  })
})

interface Racer {
  readonly pid: number
  ask(order: string): Promise<string>
  end(): void
}

async function startRacers(cloud: CloudName, count: number): Promise<readonly Racer[]> {
  return Promise.all(Array.from({ length: count }, () => startRacer(cloud)))
}

async function startRacer(cloud: CloudName): Promise<Racer> {
  const child = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'fixtures/record-racer.ts'),
      playground.folder,
      playground.env['MLP_SANDBOX_HOME'] ?? '',
      cloud,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => (await lines.next()).value ?? `ended: ${child.signalCode ?? child.exitCode}`
  expect(await next()).toBe('ready')
  return {
    pid: child.pid ?? 0,
    ask(order) {
      child.stdin.write(`${order}\n`)
      return next()
    },
    end: () => child.stdin.end(),
  }
}

const statusOf = z.object({
  record: z.object({ place: z.string().nullable(), problem: z.string().nullable() }),
  holder: z.object({ id: z.string(), host: z.string(), step: z.string().nullable() }).nullable(),
  phases: z.array(
    z.object({
      steps: z.array(z.object({ id: z.string(), state: z.string(), by: z.string().nullable() })),
    }),
  ),
})

/*
 * Two machines: a folder and a host name (a UTS namespace) each, and nothing in common but the clouds. Told in order:
 * each part starts from what the part before it left.
 */
describe('two machines at one platform', () => {
  const foundation = ['phase', '1', '--step', '1.aws.apply-foundation', '--yes', '--json']
  const prepareAgain = ['phase', '1', '--step', '1.aws.prepare', '--force', '--yes', '--json']
  let store: RecordStore

  beforeAll(async () => {
    store = cloudNamed('aws').record()
    for (const host of ['machine-a', 'machine-b']) await mkdir(join(playground.folder, host))
  })

  const start = (host: 'machine-a' | 'machine-b', args: readonly string[]): Running =>
    startMlpOn(host, join(playground.folder, host), playground.env, args)
  const status = async (host: 'machine-a' | 'machine-b') => {
    const finished = await start(host, ['status', '--json']).finished
    expect(finished.exitCode, finished.stderr).toBe(0)
    return statusOf.parse(JSON.parse(finished.stdout))
  }
  const held = () => eventually('the lease to be taken', () => readSharedLease(store, signal))

  test('the second is refused with exit 6, told who works, and sees it in status', async () => {
    const first = start('machine-a', foundation)
    const holder = await held()
    // However quick the first is, it is still at work when the second asks.
    first.child.kill('SIGSTOP')
    const second = await start('machine-b', ['bootstrap', '--yes']).finished
    expect(second.exitCode, second.stderr).toBe(6)
    expect(second.stderr).toContain(`on machine-a (process ${first.child.pid}, "mlp phase 1")`)
    expect(second.stderr).toContain(`mlp unlock ${holder.id}`)
    expect((await status('machine-b')).holder).toMatchObject({ host: 'machine-a', id: holder.id })
    first.child.kill('SIGCONT')
    const finished = await first.finished
    expect(finished.exitCode, finished.stdout).toBe(0)
    expect(await readSharedLease(store, signal)).toBeUndefined()
  })

  test('a machine that has never run it knows what was done, by whom, and the whole history', async () => {
    const known = await status('machine-b')
    expect(known.record).toEqual({ place: store.place, problem: null })
    expect(known.holder).toBeNull()
    const steps = known.phases.flatMap(phase => phase.steps)
    expect(steps.find(({ id }) => id === '1.aws.apply-foundation')).toMatchObject({
      state: 'done',
      by: expect.stringMatching(/@machine-a$/),
    })
    const run = await start('machine-b', prepareAgain).finished
    expect(run.exitCode, run.stderr).toBe(0)
    const runId = z
      .object({ runId: z.string() })
      .parse(parseEvents(run.stdout).find(e => e.type === 'run-started')).runId
    const history = await store.read(`runs/${runId}/events.ndjson`, signal)
    expect(history).toMatchObject({ text: expect.stringContaining('"type":"run-finished"') })
  })

  test('killed on the same host, the next run takes the lease over', async () => {
    const first = start('machine-a', prepareAgain)
    const { id } = await held()
    first.child.kill('SIGKILL')
    await first.finished
    expect((await readSharedLease(store, signal))?.id).toBe(id)
    const next = await start('machine-a', prepareAgain).finished
    expect(next.exitCode, next.stderr).toBe(0)
    expect(next.stdout).toContain('which is no longer running')
  })

  test('killed on another host, the lease stays until somebody who knows removes it', async () => {
    const first = start('machine-b', prepareAgain)
    const { id } = await held()
    first.child.kill('SIGKILL')
    await first.finished
    const refused = await start('machine-a', prepareAgain).finished
    expect(refused.exitCode).toBe(6)
    expect(refused.stderr).toContain(`Only if it is certainly dead on machine-b: mlp unlock ${id}`)
    const wrong = await start('machine-a', ['unlock', 'nonsense', '--yes']).finished
    expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining(`mlp unlock ${id}`)])
    const unasked = await start('machine-a', ['unlock', id]).finished
    expect([unasked.exitCode, unasked.stderr]).toEqual([5, expect.stringContaining('--yes')])
    const unlocked = await start('machine-a', ['unlock', id, '--yes']).finished
    expect(unlocked.exitCode, unlocked.stderr).toBe(0)
    expect((await start('machine-a', prepareAgain).finished).exitCode).toBe(0)
  })

  test('a machine that slept while it was unlocked begins nothing more, and overwrites nothing', async () => {
    const sleeper = start('machine-b', ['phase', '1', '--cloud', 'aws', '--yes', '--json'])
    const { id } = await held()
    // Stopped any earlier, it may not know yet that it has the lease.
    const hasBegun = () => (sleeper.events().some(({ type }) => type === 'run-started') ? true : undefined)
    await eventually('the sleeper to have begun', async () => hasBegun())
    sleeper.child.kill('SIGSTOP')
    expect((await start('machine-a', ['unlock', id, '--yes']).finished).exitCode).toBe(0)
    const other = await start('machine-a', prepareAgain).finished
    expect(other.exitCode, other.stderr).toBe(0)
    const before = await store.read('state.json', signal)
    sleeper.child.kill('SIGCONT')
    const woken = await sleeper.finished
    expect(woken.exitCode, woken.stderr).toBe(6)
    expect(parseEvents(woken.stdout).filter(event => event.state === 'done')).toEqual([])
    expect(await store.read('state.json', signal)).toEqual(before)
  })

  test('a lock of a run that is alive on this host is not removed', async () => {
    const running = start('machine-a', foundation)
    const { id } = await held()
    const unlock = await start('machine-a', ['unlock', id, '--yes']).finished
    expect([unlock.exitCode, unlock.stderr]).toEqual([6, expect.stringContaining('alive')])
    expect((await running.finished).exitCode).toBe(0)
  })

  test('interrupted, a run gives the lease back, and all machines know where it stopped', async () => {
    const running = start('machine-a', ['phase', '1', '--cloud', 'aws', '--yes', '--json'])
    await held()
    running.child.kill('SIGINT')
    const finished = await running.finished
    expect(finished.exitCode, finished.stderr).toBe(130)
    expect(await readSharedLease(store, signal)).toBeUndefined()
  })

  test('after a teardown the record is what is left: nothing done, nobody at work, and how it went', async () => {
    const args = ['teardown', '--cloud', 'aws', '--destroy-data', '--no-final-snapshot', '--yes', '--json']
    const down = await start('machine-b', args).finished
    expect(down.exitCode, down.stdout).toBe(0)
    const events = parseEvents(down.stdout)
    const kept = z.looseObject({ kept: z.array(z.object({ name: z.string() })) }).parse(events.at(-1)).kept
    expect(kept.map(({ name }) => store.place.includes(name))).toEqual([true])
    const known = await status('machine-a')
    expect(known.holder).toBeNull()
    const steps = known.phases.flatMap(phase => phase.steps)
    expect(steps.filter(({ id, state }) => id.startsWith('1.aws.') && state !== 'pending')).toEqual([])
    const { runId } = z
      .looseObject({ runId: z.string() })
      .parse(events.find(({ type }) => type === 'run-started'))
    expect((await store.read(`runs/${runId}/events.ndjson`, signal)).state).toBe('found')
  })
})
