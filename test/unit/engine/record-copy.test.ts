import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MlpError } from '../../../src/engine/errors.ts'
import { readSharedState, startUpload } from '../../../src/engine/record-copy.ts'
import { isNewer, type StateDocument } from '../../../src/engine/state-document.ts'
import { type MemoryStore, memoryStore } from './memory-store.ts'

const signal = new AbortController().signal
const nothing = { document: undefined, damaged: undefined, version: undefined }

function state(fence: number, revision: number): StateDocument {
  return { schemaVersion: 1, mlpVersion: '0.1.0', platformId: 'mlp-test', fence, revision, steps: {} }
}

function documents(store: MemoryStore): readonly Pick<StateDocument, 'fence' | 'revision'>[] {
  return store.written.map(({ text }) => {
    const { fence, revision } = JSON.parse(text) as StateDocument
    return { fence, revision }
  })
}

test('the latest of several changes is sent, the others need not be', async () => {
  const store = memoryStore()
  const upload = startUpload(store, nothing, 0)
  for (let revision = 1; revision <= 20; revision++) upload.push(state(1, revision))
  await upload.end(signal)
  expect(documents(store).at(-1)).toEqual({ fence: 1, revision: 20 })
  expect(documents(store).length).toBeLessThan(4)
  upload.push(state(1, 21))
  expect(documents(store).at(-1), 'ended').toEqual({ fence: 1, revision: 20 })
})

test('what a run of a lower fencing number wrote late is replaced; a later run is never overwritten', async () => {
  const store = memoryStore()
  store.put('state.json', JSON.stringify(state(1, 1)))
  const found = await readSharedState(store, signal)
  const first = startUpload(store, found, 0)
  const second = startUpload(store, found, 0)
  first.push(state(1, 2))
  await first.end(signal)
  second.push(state(2, 2))
  await second.end(signal)
  for (const seen of [found, await readSharedState(store, signal)]) {
    const late = startUpload(store, seen, 0)
    late.push(state(1, 3))
    await expect(late.end(signal)).rejects.toMatchObject({ code: 'MLP5228' })
  }
  expect((await readSharedState(store, signal)).document).toEqual(state(2, 2))
})

test('a failure is told at the end, after another try', async () => {
  let isReachable = false
  const store = memoryStore({
    before() {
      if (!isReachable) throw new MlpError({ code: 'MLP3002', summary: 'unreachable', remedy: ['wait'] })
    },
  })
  const first = startUpload(store, nothing, 0)
  first.push(state(1, 1))
  await expect(first.end(signal)).rejects.toMatchObject({ code: 'MLP3002' })
  const second = startUpload(store, nothing, 0)
  second.push(state(1, 1))
  isReachable = true
  await second.end(signal)
  expect(documents(store)).toEqual([{ fence: 1, revision: 1 }])
})

test('an answer that is lost is no reason to write twice', async () => {
  const store = memoryStore({ after: what => (what === 'write' ? 'lost' : undefined) })
  const upload = startUpload(store, nothing, 0)
  upload.push(state(1, 1))
  await upload.end(signal)
  expect(documents(store)).toEqual([{ fence: 1, revision: 1 }])
})

test('one that never stands still is given up, and said so', async () => {
  const store: MemoryStore = memoryStore({
    before(what, name) {
      if (what === 'write') store.put(name, '{}')
    },
  })
  const upload = startUpload(store, nothing, 0)
  upload.push(state(1, 1))
  await expect(upload.end(signal)).rejects.toMatchObject({ code: 'MLP5229' })
})

test('one that was removed is written again', async () => {
  const store = memoryStore()
  const upload = startUpload(store, { ...nothing, version: 'one that is gone' }, 0)
  upload.push(state(1, 1))
  await upload.end(signal)
  expect(documents(store)).toEqual([{ fence: 1, revision: 1 }])
})

test('what cannot be understood is given back as it is; what a newer mlp wrote is refused', async () => {
  const store = memoryStore()
  expect(await readSharedState(store, signal)).toMatchObject({ document: undefined, damaged: undefined })
  store.put('state.json', '{')
  expect(await readSharedState(store, signal)).toMatchObject({
    document: undefined,
    damaged: { text: '{', reason: expect.any(String) },
  })
  store.put('state.json', JSON.stringify({ schemaVersion: 9, mlpVersion: '9.0.0' }))
  await expect(readSharedState(store, signal)).rejects.toMatchObject({
    code: 'MLP5210',
    message: expect.stringContaining('memory://test/mlp/state.json'),
  })
})

test('whatever the order of requests, and whichever answers are lost: no update is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { maxLength: 10 }), async (scheduler, losses) => {
      const lost = [...losses]
      const store = memoryStore({
        before: (what, name) => scheduler.schedule(Promise.resolve(), `${what} ${name}`),
        async after(what) {
          await scheduler.schedule(Promise.resolve(), 'answer')
          return what === 'write' && lost.pop() === true ? 'lost' : undefined
        },
      })
      // Three runs of which only the last still holds the lease; each read the document at a moment of its own.
      const work = async (fence: number): Promise<string> => {
        const upload = startUpload(store, await readSharedState(store, signal), 0)
        for (let revision = 1; revision <= 3; revision++) {
          upload.push(state(fence, revision))
          await scheduler.schedule(Promise.resolve(), `work of ${fence}`)
        }
        return await upload.end(signal).then(
          () => 'sent',
          (error: unknown) => (error instanceof MlpError ? error.code : String(error)),
        )
      }
      const ends = await scheduler.waitFor(Promise.all([1, 2, 3].map(work)))
      expect(ends.slice(0, 2).every(end => end === 'sent' || end === 'MLP5228')).toBe(true)
      expect(ends[2]).toBe('sent')
      const written = documents(store).map(each => ({ ...state(0, 0), ...each }))
      expect(written.at(-1)).toMatchObject({ fence: 3, revision: 3 })
      for (const [index, later] of written.entries()) {
        const earlier = written[index - 1]
        if (earlier !== undefined) expect(isNewer(earlier, later), JSON.stringify(written)).toBe(false)
      }
    }),
    { numRuns: 300 },
  )
}, 60_000)
