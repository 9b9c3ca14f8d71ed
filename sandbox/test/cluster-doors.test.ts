import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClusterDoors, openClusterDoors } from '../src/outside/cluster-doors.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import { fakeWorld } from './terraform-harness.ts'

let folder: string
let doors: ClusterDoors
const asked: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-doors-'))
  const store = openSqliteStore(join(folder, 'store.sqlite'))
  doors = await openClusterDoors({
    key: 'gcp/ml-platform-dev',
    world: fakeWorld(folder, store, 0, () => undefined),
    apiAddress: '172.20.0.1',
    apiPort: 1,
    socketOf: end => join(folder, end),
    async googleAccountAt(address) {
      asked.push(address)
      return 'pod@example.iam.gserviceaccount.com'
    },
  })
})
afterAll(async () => {
  doors.close()
  await rm(folder, { recursive: true, force: true })
})

const request = [
  'GET /computeMetadata/v1/instance/service-accounts/default/email HTTP/1.1',
  'host: metadata',
  'metadata-flavor: Google',
  'connection: close',
  '',
  '',
].join('\r\n')
const preface = 'PROXY TCP4 10.0.0.9 169.254.169.254 4000 80\r\n'

/** What is answered to these chunks, each written after the one before has left. */
async function answer(chunks: readonly string[]): Promise<string> {
  const socket = connect(join(folder, 'id'))
  for (const chunk of chunks) await new Promise<void>(resolve => socket.write(chunk, () => resolve()))
  let text = ''
  for await (const data of socket) text += String(data)
  return text
}

// A proxy sends its request together with the preface; who connects by himself sends it a moment later.
test.for([
  ['in one piece with who asks', [preface + request]],
  ['after who asks', [preface, request]],
  ['in pieces', [preface.slice(0, 20), preface.slice(20) + request.slice(0, 30), request.slice(30)]],
] as const)('the metadata server answers a request that comes %s', async ([, chunks]) => {
  asked.length = 0
  expect(await answer(chunks)).toMatch(/^HTTP\/1\.1 200 [\s\S]*pod@example\.iam\.gserviceaccount\.com/)
  expect(asked).toEqual(['10.0.0.9'])
})
