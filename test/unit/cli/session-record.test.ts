import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type JoinOptions, joinRecord } from '../../../src/cli/session-record.ts'
import { MlpError } from '../../../src/engine/errors.ts'
import { acquireLease, type Lease } from '../../../src/engine/lock.ts'
import { breakSharedLease, readSharedLease } from '../../../src/engine/record-lease.ts'
import { openState } from '../../../src/engine/state.ts'
import { type MemoryStore, memoryStore } from '../engine/memory-store.ts'
import { temporaryFolder } from '../engine/support.ts'

const signal = new AbortController().signal
const unreachable = new MlpError({ code: 'MLP3002', summary: 'AWS cannot be reached', remedy: ['wait'] })

async function options(store: MemoryStore, notices: string[] = []): Promise<JoinOptions> {
  const folder = await temporaryFolder()
  const file = join(folder, 'state.json')
  await mkdir(join(folder, 'runs', 'r1'), { recursive: true })
  return {
    store,
    state: await openState({ file, mlpVersion: '0.1.0', platformId: 'mlp-test' }),
    lease: undefined,
    prepareStep: '1.aws.prepare',
    runs: join(folder, 'runs'),
    runId: 'r1',
    emit: event => {
      if (event.type === 'notice') notices.push(`${event.level}: ${event.message}`)
    },
    signal,
  }
}

async function lease(): Promise<Lease> {
  return acquireLease({ file: join(await temporaryFolder(), 'lock.json'), command: 'mlp bootstrap' })
}

test('a run joins with the lease, sends its history, and gives the lease back', async () => {
  const store = memoryStore()
  await using own = await lease()
  const given = await options(store)
  const record = await joinRecord({ ...given, lease: own })
  expect((await readSharedLease(store, signal))?.id).toBe(own.holder.id)
  await writeFile(join(given.runs, 'r1', 'events.ndjson'), 'all that happened\n')
  expect(await record.finish()).toEqual([])
  expect(store.texts.get('runs/r1/events.ndjson')).toBe('all that happened\n')
  expect(await readSharedLease(store, signal)).toBeUndefined()
})

test('the history of a run that was killed is sent by the next one, once', async () => {
  const store = memoryStore()
  const given = await options(store)
  const next = { ...given, runId: 'r2' }
  await mkdir(join(given.runs, 'r2'))
  await mkdir(join(given.runs, 'only-looked'))
  for (const id of ['r1', 'r2', 'only-looked']) {
    await writeFile(join(given.runs, id, 'events.ndjson'), `of ${id}\n`)
  }
  await using killed = await lease()
  // Joined, and then nothing more: not even the lease was given back.
  await joinRecord({ ...given, lease: killed })
  await breakSharedLease(store, killed.holder.id, killed.holder, signal)
  await using own = await lease()
  expect(await (await joinRecord({ ...next, lease: own })).finish()).toEqual([])
  expect([...store.texts].filter(([name]) => name.startsWith('runs/')).toSorted()).toEqual([
    ['runs/r1/events.ndjson', 'of r1\n'],
    ['runs/r2/events.ndjson', 'of r2\n'],
  ])
  expect(await readdir(join(given.runs, 'r1'))).toEqual(['events.ndjson'])
})

test('a second run is refused at once', async () => {
  const store = memoryStore()
  await using first = await lease()
  await using second = await lease()
  const record = await joinRecord({ ...(await options(store)), lease: first })
  await expect(joinRecord({ ...(await options(store)), lease: second })).rejects.toMatchObject({
    code: 'MLP5220',
    exitCode: 6,
  })
  await record.close()
})

test('a cloud that does not answer is for the gates to explain; no step begins', async () => {
  const store = memoryStore({ before: () => Promise.reject(unreachable) })
  await using own = await lease()
  const record = await joinRecord({ ...(await options(store)), lease: own })
  await expect(record.guard('1.gcp.prepare', 'ask')).rejects.toBe(unreachable)
})

test('a command that changes nothing knows what others did, and takes no lease', async () => {
  const store = memoryStore()
  const step = {
    state: 'done',
    inputs: {},
    inputsHash: '',
    outputs: {},
    startedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    checkedAt: null,
    runId: 'r',
    by: 'grace@b',
    why: '',
  }
  const document = { schemaVersion: 1, mlpVersion: '1', platformId: 'mlp-test', fence: 1, revision: 1 }
  store.put('state.json', JSON.stringify({ ...document, steps: { '1.aws.net': step } }))
  const given = await options(store)
  const record = await joinRecord(given)
  expect(given.state.get('1.aws.net')?.by).toBe('grace@b')
  await record.guard('1.aws.net', 'apply')
  expect(await record.close()).toEqual([])
  expect([...store.texts.keys()]).toEqual(['state.json'])
})

test('without an answer it goes on with what this machine knows, and says so', async () => {
  const notices: string[] = []
  const store = memoryStore({ before: () => Promise.reject(unreachable) })
  await joinRecord(await options(store, notices))
  expect(notices).toEqual([
    'warning: what other machines recorded in memory://test/mlp cannot be read: AWS cannot be reached',
  ])
})
