// One large object under a memory limit: node test/bench/large-object.bench.mjs [GiB, 10] [limit MiB, 256]
// data-sync copies it between two buckets of versitygw, in parts. Root with Linux's memory control groups puts the
// process under the limit, so that the kernel ends it when it takes more; otherwise its peak is only compared.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { combineCrc32c } from '../../services/data-sync/src/copy/crc32c-combine.ts'
import { digest } from '../../services/data-sync/src/copy/digests.ts'
import { planParts, rangeOfPart } from '../../services/data-sync/src/copy/parts.ts'
import { startEmulators } from '../../services/data-sync/test/support/emulators.ts'
import { open } from '../../services/data-sync/test/support/objects.ts'
import { startService } from '../../services/data-sync/test/support/service.ts'

const mebibyte = 1_048_576
const bytes = Number(process.argv[2] ?? 10) * 1_024 * mebibyte
const limitMiB = Number(process.argv[3] ?? 256)
const hourMs = 3_600_000

await using emulators = await startEmulators(['s3'])
const stores = emulators.open()
await emulators.makeBuckets('large-from', 'large-to')
await fill()

const group = enterGroup()
const service = await startService(emulators)
group?.leave()
try {
  const job = await service.makeJob({
    name: 'large',
    source: 's3://large-from',
    destinations: ['s3://large-to'],
  })
  const startedAt = performance.now()
  let run = await service.startRun(job.id)
  while (run.finishedAt === undefined) {
    await delay(1_000)
    run = await service.run(run.id)
  }
  const seconds = (performance.now() - startedAt) / 1_000
  if (run.state !== 'succeeded') throw new Error(run.problem)
  const peakMiB = peakOf(service.process.child.pid)
  const [copy] = (await open(stores, 's3://large-to').list(undefined, AbortSignal.timeout(60_000))).objects
  if (copy?.bytes !== bytes) throw new Error(`the copy has ${copy?.bytes} bytes, not ${bytes}`)
  process.stdout.write(
    [
      `one object of ${bytes / 1_024 / mebibyte} GiB, S3 to S3   ${seconds.toFixed(0)} s, ${(bytes / mebibyte / seconds).toFixed(0)} MiB/s`,
      `peak resident set                ${peakMiB.toFixed(0)} MiB`,
      `limit of ${limitMiB} MiB                 ${group === undefined ? 'not enforced: no memory control group can be made here' : `enforced; its peak ${group.peakMiB().toFixed(0)} MiB`}`,
      '',
    ].join('\n'),
  )
  if (group === undefined && peakMiB > limitMiB) process.exitCode = 1
} finally {
  await service[Symbol.asyncDispose]()
  group?.remove()
  await stores.close()
}

async function fill() {
  const store = open(stores, 's3://large-from')
  const signal = AbortSignal.timeout(hourMs)
  const plan = planParts(bytes)
  const upload = await store.beginUpload('large.bin', { metadata: {} }, signal)
  const parts = []
  for (let number = 1; number <= plan.count; number++) {
    const content = Buffer.alloc(rangeOfPart(number, plan, bytes).length, number % 251)
    const digests = digest(content, false)
    const receipt = await store.putPart(upload, number, content, digests, signal)
    parts.push({ number, bytes: content.length, receipt, crc32c: digests.crc32c })
  }
  const crc32c = parts.reduce((sum, part) => combineCrc32c(sum, part.crc32c, part.bytes), 0)
  await store.completeUpload(upload, parts, crc32c, { metadata: {} }, signal)
}

/** This process joins a group of its own, so that what it starts begins there; it leaves again, its child stays. */
function enterGroup() {
  const second = existsSync('/sys/fs/cgroup/cgroup.controllers')
  const parent = second ? '/sys/fs/cgroup' : '/sys/fs/cgroup/memory'
  const folder = join(parent, `mlp-bench-${process.pid}`)
  const names = second
    ? ['memory.max', 'memory.peak']
    : ['memory.limit_in_bytes', 'memory.max_usage_in_bytes']
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, names[0]), String(limitMiB * mebibyte))
    writeFileSync(join(folder, 'cgroup.procs'), String(process.pid))
  } catch {
    return undefined
  }
  return {
    leave: () => writeFileSync(join(parent, 'cgroup.procs'), String(process.pid)),
    peakMiB: () => Number(readFileSync(join(folder, names[1]), 'utf8')) / mebibyte,
    remove: () => rmdirSync(folder),
  }
}

/** Linux keeps a process' highest resident set. */
function peakOf(pid) {
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kibibytes) / 1_024
}
