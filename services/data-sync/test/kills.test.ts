import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Stores } from '../src/stores/open-stores.ts'
import { azureAccount, type Emulators, startEmulators } from './support/emulators.ts'
import { contentOf, fill, keysOf, open } from './support/objects.ts'
import { type StoreProxy, startProxy } from './support/proxy.ts'
import { type Service, startService } from './support/service.ts'

const mebibyte = 1_048_576
const partBytes = 8 * mebibyte
/** So small that a copy that begins anew could not hide: one part at a time, beside a few small objects. */
const budgetMiB = 9
/** Of the process, for each kind of destination. KILLS=50 tries longer. */
const kills = Number(process.env['KILLS'] ?? 6)
/** For each attempt: lists of parts, metadata, multipart boundaries, lists of blocks. */
const protocolBytes = 256 * 1024

let emulators: Emulators
let stores: Stores
beforeAll(async () => {
  emulators = await startEmulators()
  stores = emulators.open()
})
afterAll(async () => {
  await stores?.close()
  await emulators?.[Symbol.asyncDispose]()
})

const kinds = {
  s3: { from: 'gcs', variable: 'AWS_ENDPOINT_URL_S3', path: '' },
  gcs: { from: 's3', variable: 'STORAGE_EMULATOR_HOST', path: '' },
  azure: { from: 's3', variable: 'AZURE_STORAGE_ENDPOINT', path: '/{account}' },
} as const
const place = (kind: keyof typeof kinds, name: string): string =>
  ({ s3: `s3://${name}`, gcs: `gs://${name}`, azure: `azure://${azureAccount}/${name}` })[kind]

function someObjects(): Record<string, Buffer> {
  const small = Array.from({ length: 40 }, (_, index) => [
    `folder-${index % 5}/small-${index}`,
    randomBytes(randomInt(1, 50_000)),
  ])
  return {
    ...Object.fromEntries(small),
    'a-large.bin': randomBytes(7 * partBytes + 1),
    'z-large.bin': randomBytes(3 * partBytes - 1),
  }
}

describe.each(['s3', 'gcs', 'azure'] as const)('to %s', kind => {
  test(`killed ${kills} times at random moments: nothing is half there, nothing is lost, little is sent twice`, async () => {
    const name = `kills-${kind}`
    const { from, variable, path } = kinds[kind]
    await emulators.makeBuckets(name)
    const objects = someObjects()
    const total = Object.values(objects).reduce((sum, { length }) => sum + length, 0)
    await fill(open(stores, place(from, name)), objects)
    const destination = open(stores, place(kind, name))
    await using proxy = await startProxy(new URL(emulators.endpoints[kind]).origin)
    const start = (): Promise<Service> =>
      startService(emulators, {
        [variable]: `${proxy.url}${path}`,
        DATABASE_URL: `sqlite:${join(emulators.folder, `${name}.db`)}`,
        MEMORY_BUDGET_MIB: String(budgetMiB),
        LEASE_TTL_MS: '1000',
      })

    let service = await start()
    try {
      const job = await service.makeJob({
        name,
        source: place(from, name),
        destinations: [place(kind, name)],
      })
      const run = await service.startRun(job.id)
      // It was accepted: that alone has to survive.
      service.process.child.kill('SIGKILL')
      await service.process.exited

      const moments: string[] = []
      for (let kill = 1; kill < kills; kill++) {
        service = await start()
        moments.push(await killAtRandom(service, proxy, Math.ceil(total / kills)))
        await service.process.exited
        for (const key of await keysOf(destination)) {
          const same = objects[key]?.equals(await contentOf(destination, key))
          expect(same, `${key} after kills ${moments.join(', ')}`).toBe(true)
        }
      }

      service = await start()
      const ended = await service.ended(run.id, 240_000)
      const told = `after kills ${moments.join(', ')}`
      expect(ended.problem, told).toBeUndefined()
      expect(ended, told).toMatchObject({ state: 'succeeded' })
      expect(await keysOf(destination), told).toEqual(await keysOf(open(stores, place(from, name))))
      for (const [key, content] of Object.entries(objects)) {
        expect((await contentOf(destination, key)).equals(content), `${key} ${told}`).toBe(true)
      }
      const again = proxy.sentBytes - total
      process.stderr.write(`to ${kind}: ${(again / mebibyte).toFixed(1)} MiB sent again ${told}\n`)
      expect(again, told).toBeLessThanOrEqual(kills * (budgetMiB * mebibyte + protocolBytes))

      const rerun = await service.ended((await service.startRun(job.id)).id)
      expect(rerun.progress?.destinations[0]).toMatchObject({
        ...{ inStep: Object.keys(objects).length, copied: 0, failed: 0, bytesSent: 0 },
      })
    } finally {
      await service[Symbol.asyncDispose]()
    }
  }, 600_000)
})

/** Once a random number of further bytes has passed, or after a random time, whichever it is to be; tells which. */
async function killAtRandom(service: Service, proxy: StoreProxy, mostBytes: number): Promise<string> {
  const kill = () => service.process.child.kill('SIGKILL')
  if (randomInt(3) === 0) {
    const afterMs = randomInt(0, 1_500)
    await delay(afterMs)
    kill()
    return `${afterMs} ms after the start`
  }
  const after = proxy.sentBytes + randomInt(mostBytes)
  const afterMs = randomInt(0, 20)
  const passed = Promise.withResolvers<void>()
  proxy.onSent = bytes => {
    if (bytes >= after) passed.resolve()
  }
  // Fewer may be left; then it is killed while it has nothing to do.
  await Promise.race([passed.promise, delay(10_000)])
  proxy.onSent = () => {}
  await delay(afterMs)
  kill()
  return `${afterMs} ms after ${(after / mebibyte).toFixed(1)} MiB`
}
