// One large object under a memory limit: node test/bench/large-object.bench.mjs [GiB, 10] [limit MiB, 256]
// data-sync copies it between two buckets of versitygw, in parts. Root with Linux's memory control groups puts the
// process under the limit, so that the kernel ends it when it takes more; otherwise its peak is only compared.
//
// The source is a file in versitygw's folder, not an upload: the gateway puts an upload's parts together by copying
// them, which the copy itself goes through anyway. On the disk there are twice the bytes at the end, and three times
// while the copy's parts are put together: there has to be room for that. Each part has its own byte, and the copy is
// read again from the gateway's folder.
import { existsSync, mkdirSync, readFileSync, rmdirSync, statfsSync, writeFileSync } from 'node:fs'
import { open as openFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { planParts, rangeOfPart } from '../../services/data-sync/src/copy/parts.ts'
import { startEmulators } from '../../services/data-sync/test/support/emulators.ts'
import { open } from '../../services/data-sync/test/support/objects.ts'
import { startService } from '../../services/data-sync/test/support/service.ts'

const mebibyte = 1_048_576
const bytes = Number(process.argv[2] ?? 10) * 1_024 * mebibyte
const limitMiB = Number(process.argv[3] ?? 256)

await using emulators = await startEmulators(['s3'])
const stores = emulators.open()
await emulators.makeBuckets('large-from', 'large-to')
const { bavail, bsize } = statfsSync(emulators.folder)
if (bavail * bsize < 3.2 * bytes) {
  process.stderr.write(`not measured: ${Math.ceil((3.2 * bytes) / 2 ** 30)} GiB have to be free\n`)
  process.exit(2)
}
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
  await mustHoldParts(join(emulators.folder, 's3/data/large-to/large.bin'))
  process.stdout.write(
    [
      `load average ${loadavg()[0].toFixed(1)}`,
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

/** As versitygw keeps an object: a file, and its ETag in another beside it. */
async function fill() {
  const file = join(emulators.folder, 's3/data/large-from/large.bin')
  const plan = planParts(bytes)
  const handle = await openFile(file, 'w')
  for (let number = 1; number <= plan.count; number++) {
    await handle.write(Buffer.alloc(rangeOfPart(number, plan, bytes).length, number % 251))
  }
  await handle.close()
  const meta = join(emulators.folder, 's3/sidecar/large-from/large.bin/meta')
  mkdirSync(meta, { recursive: true })
  writeFileSync(join(meta, 'etag'), '"0123456789abcdef0123456789abcdef-1"')
}

/** Every part is where it belongs, from its first byte to its last. */
async function mustHoldParts(file) {
  const plan = planParts(bytes)
  const handle = await openFile(file)
  for (let number = 1; number <= plan.count; number++) {
    const { start, length } = rangeOfPart(number, plan, bytes)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start)
    if (bytesRead !== length || !buffer.equals(Buffer.alloc(length, number % 251)))
      throw new Error(`part ${number} of the copy is not the source's`)
  }
  await handle.close()
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
