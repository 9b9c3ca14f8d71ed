// data-sync beside rclone, between the same two emulators: node test/bench/data-sync.bench.mjs [case …]
// Cases: small-gcs small-s3 large-s3 large-gcs (all, without any). Needs rclone on PATH, or RCLONE=/path/of/rclone.
// SMALL (10000 objects of 4 KiB), LARGE (3 objects), LARGE_MIB (1024) and ROUNDS (3; large ones 1) change the sizes.
//
// Both copy from versitygw into an empty bucket of fake-gcs-server or of versitygw, taking turns, with 16 objects at
// once, and share the processors with the emulators. Time is from the request (data-sync) or the process' start
// (rclone) to the end; memory is the process' peak resident set. Processor time of the copying process hardly depends
// on what else the machine does. Medians; after each turn the copy is compared with the source and removed.
// PROFILE=--cpu-prof (Node's options) is given to data-sync.
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { combineCrc32c } from '../../services/data-sync/src/copy/crc32c-combine.ts'
import { digest } from '../../services/data-sync/src/copy/digests.ts'
import { planParts, rangeOfPart } from '../../services/data-sync/src/copy/parts.ts'
import { startEmulators } from '../../services/data-sync/test/support/emulators.ts'
import { open } from '../../services/data-sync/test/support/objects.ts'
import { startService } from '../../services/data-sync/test/support/service.ts'

const rclone = process.env['RCLONE'] ?? 'rclone'
const objectsAtOnce = 16
const smallCount = Number(process.env['SMALL'] ?? 10_000)
const largeCount = Number(process.env['LARGE'] ?? 3)
const largeBytes = Number(process.env['LARGE_MIB'] ?? 1_024) * 1_048_576
const mebibyte = 1_048_576
const hourMs = 3_600_000
const rounds = { small: Number(process.env['ROUNDS'] ?? 3), large: Number(process.env['ROUNDS'] ?? 1) }

const cases = {
  'small-gcs': { title: `${smallCount} x 4 KiB, S3 to GCS`, source: 'small', scheme: 'gs' },
  'small-s3': { title: `${smallCount} x 4 KiB, S3 to S3`, source: 'small', scheme: 's3' },
  'large-s3': {
    title: `${largeCount} x ${largeBytes / mebibyte} MiB, S3 to S3`,
    source: 'large',
    scheme: 's3',
  },
  'large-gcs': {
    title: `${largeCount} x ${largeBytes / mebibyte} MiB, S3 to GCS`,
    source: 'large',
    scheme: 'gs',
  },
}
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(cases)
for (const name of wanted) if (!(name in cases)) throw new Error(`no case ${name}`)

const version = spawnSync(rclone, ['version'], { encoding: 'utf8' })
if (version.status !== 0) {
  process.stderr.write(
    'rclone is missing: go install github.com/rclone/rclone@latest, then RCLONE=/path/of/rclone\n',
  )
  process.exit(2)
}
process.stdout.write(`${version.stdout.split('\n')[0]}, Node ${process.version}\n`)

await using emulators = await startEmulators(['s3', 'gcs'])
const stores = emulators.open()
await emulators.makeBuckets('small', 'large')
if (wanted.some(name => cases[name].source === 'small')) await fillSmall()
if (wanted.some(name => cases[name].source === 'large')) await fillLarge()

const arms = { rclone: runRclone, 'data-sync': runDataSync }
const figures = ['seconds', 'cpuSeconds', 'peakMiB']
const loadBefore = loadavg()[0]
const rows = []
for (const name of wanted) {
  const { title, source, scheme } = cases[name]
  const turns = { rclone: [], 'data-sync': [] }
  for (let round = 0; round < rounds[source]; round++) {
    // Whoever is second may find warmer caches.
    const order = round % 2 === 0 ? Object.keys(arms) : Object.keys(arms).reverse()
    for (const arm of order) {
      const bucket = `${name}-${arm}-${round}`
      await emulators.makeBuckets(bucket)
      turns[arm].push(await arms[arm](source, scheme, bucket))
      await mustEqual(source, `${scheme}://${bucket}`)
      await empty(`${scheme}://${bucket}`)
    }
  }
  const medians = Object.entries(turns).map(([arm, all]) => [
    arm,
    Object.fromEntries(figures.map(figure => [figure, median(all.map(turn => turn[figure]))])),
  ])
  rows.push({ title, rounds: rounds[source], ...Object.fromEntries(medians) })
}
await stores.close()

process.stdout.write(
  `${availableParallelism()} cores; load average ${loadBefore.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after (this run's own included)\n`,
)
const line = cells => cells.map((cell, index) => (index === 0 ? cell.padEnd(32) : cell.padStart(12))).join('')
const both = ['rclone', 'data-sync']
process.stdout.write(`${line(['', ...both, 'ours/theirs', ...both, 'ours/theirs', ...both])}\n`)
process.stdout.write(
  `${line(['', 'seconds', 'seconds', 'time', 'CPU s', 'CPU s', 'CPU', 'peak MiB', 'peak MiB'])}\n`,
)
for (const { title, rounds: times, rclone: theirs, 'data-sync': ours } of rows) {
  const cells = [
    ...[theirs.seconds.toFixed(1), ours.seconds.toFixed(1), (ours.seconds / theirs.seconds).toFixed(2)],
    ...[theirs.cpuSeconds.toFixed(1), ours.cpuSeconds.toFixed(1)],
    ...[(ours.cpuSeconds / theirs.cpuSeconds).toFixed(2)],
    ...[theirs.peakMiB.toFixed(0), ours.peakMiB.toFixed(0)],
  ]
  process.stdout.write(`${line([`${title} (${times})`, ...cells])}\n`)
}
process.exitCode = rows.every(row => row['data-sync'].seconds <= row.rclone.seconds) ? 0 : 1

async function fillSmall() {
  const store = open(stores, 's3://small')
  const content = randomBytes(4_096)
  let next = 0
  const writer = async () => {
    for (let index = next++; index < smallCount; index = next++) {
      const bytes = Buffer.from(content)
      bytes.writeUInt32BE(index)
      const key = `folder-${String(index % 100).padStart(2, '0')}/object-${String(index).padStart(6, '0')}.bin`
      await store.put(key, bytes, digest(bytes, false), { metadata: {} }, AbortSignal.timeout(60_000))
    }
  }
  await Promise.all(Array.from({ length: objectsAtOnce }, writer))
}

async function fillLarge() {
  const store = open(stores, 's3://large')
  const plan = planParts(largeBytes)
  for (let index = 0; index < largeCount; index++) {
    const signal = AbortSignal.timeout(hourMs)
    const upload = await store.beginUpload(`large-${index}.bin`, { metadata: {} }, signal)
    const parts = []
    for (let number = 1; number <= plan.count; number++) {
      const bytes = randomBytes(rangeOfPart(number, plan, largeBytes).length)
      const digests = digest(bytes, false)
      const receipt = await store.putPart(upload, number, bytes, digests, signal)
      parts.push({ number, bytes: bytes.length, receipt, crc32c: digests.crc32c })
    }
    const crc32c = parts.reduce((sum, part) => combineCrc32c(sum, part.crc32c, part.bytes), 0)
    await store.completeUpload(upload, parts, crc32c, { metadata: {} }, signal)
  }
}

async function runRclone(source, scheme, bucket) {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = emulators.environment
  const s3 = prefix => ({
    [`RCLONE_CONFIG_${prefix}_TYPE`]: 's3',
    [`RCLONE_CONFIG_${prefix}_PROVIDER`]: 'Other',
    [`RCLONE_CONFIG_${prefix}_ENDPOINT`]: emulators.endpoints.s3,
    [`RCLONE_CONFIG_${prefix}_FORCE_PATH_STYLE`]: 'true',
    [`RCLONE_CONFIG_${prefix}_REGION`]: 'us-east-1',
    [`RCLONE_CONFIG_${prefix}_ACCESS_KEY_ID`]: AWS_ACCESS_KEY_ID,
    [`RCLONE_CONFIG_${prefix}_SECRET_ACCESS_KEY`]: AWS_SECRET_ACCESS_KEY,
  })
  const gcs = {
    RCLONE_CONFIG_COPY_TYPE: 'google cloud storage',
    RCLONE_CONFIG_COPY_ENDPOINT: `${emulators.endpoints.gcs}/storage/v1/`,
    RCLONE_CONFIG_COPY_ANONYMOUS: 'true',
    RCLONE_CONFIG_COPY_BUCKET_POLICY_ONLY: 'true',
  }
  const startedAt = performance.now()
  const atOnce = String(objectsAtOnce)
  const child = spawn(
    rclone,
    ['sync', `from:${source}`, `copy:${bucket}`, '--transfers', atOnce, '--checkers', atOnce, '--config', ''],
    {
      env: { PATH: process.env['PATH'], ...s3('FROM'), ...(scheme === 'gs' ? gcs : s3('COPY')) },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  let peakMiB = 0
  let cpuSeconds = 0
  const watching = setInterval(() => {
    peakMiB = peakOf(child.pid) ?? peakMiB
    cpuSeconds = processorSeconds(child.pid) ?? cpuSeconds
  }, 20)
  const [code] = await once(child, 'exit')
  const seconds = (performance.now() - startedAt) / 1_000
  clearInterval(watching)
  if (code !== 0) throw new Error(`rclone ended with ${code}`)
  return { seconds, peakMiB, cpuSeconds }
}

async function runDataSync(source, scheme, bucket) {
  await using service = await startService(emulators, {
    OBJECTS_AT_ONCE: String(objectsAtOnce),
    // As deployed; the tests' are shorter.
    ...{ LEASE_TTL_MS: '15000', POLL_INTERVAL_MS: '1000' },
    ...(process.env['PROFILE'] === undefined ? {} : { NODE_OPTIONS: process.env['PROFILE'] }),
  })
  const job = await service.makeJob({
    ...{ name: bucket, source: `s3://${source}`, destinations: [`${scheme}://${bucket}`] },
  })
  const { pid } = service.process.child
  const cpuBefore = processorSeconds(pid)
  const startedAt = performance.now()
  const run = await service.startRun(job.id)
  let ended = run
  while (ended.finishedAt === undefined) {
    await delay(100)
    ended = await service.run(run.id)
  }
  const seconds = (performance.now() - startedAt) / 1_000
  if (ended.state !== 'succeeded') throw new Error(ended.problem)
  const figures = { seconds, peakMiB: peakOf(pid), cpuSeconds: processorSeconds(pid) - cpuBefore }
  // A profile is written by a process that ends by itself.
  service.process.child.kill('SIGINT')
  await service.process.exited
  return figures
}

/** Linux keeps a process' highest resident set; undefined once it is gone. */
function peakOf(pid) {
  try {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kibibytes === undefined ? undefined : Number(kibibytes) / 1_024
  } catch {
    return undefined
  }
}

/** User and system time; Linux counts them in hundredths of a second. undefined once it is gone. */
function processorSeconds(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return undefined
  }
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

async function empty(text) {
  const store = open(stores, text)
  const keys = [...(await contents(text)).keys()]
  const worker = async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      await store.delete(key, AbortSignal.timeout(60_000))
    }
  }
  await Promise.all(Array.from({ length: objectsAtOnce }, worker))
}

async function mustEqual(source, copy) {
  const [expected, found] = await Promise.all([contents(`s3://${source}`), contents(copy)])
  if (expected.size === 0 || expected.size !== found.size) throw new Error(`${copy}: ${found.size} objects`)
  for (const [key, content] of expected) {
    if (found.get(key) !== content) throw new Error(`${copy}: ${key} differs: ${content} ${found.get(key)}`)
  }
}

/** By key, size and, where both stores tell it in listings, MD5: of what was not uploaded in parts. */
async function contents(text) {
  const store = open(stores, text)
  const found = new Map()
  let token
  do {
    const page = await store.list(token, AbortSignal.timeout(60_000))
    for (const { key, bytes, md5 } of page.objects)
      found.set(key, bytes > mebibyte ? `${bytes}` : `${bytes} ${md5}`)
    token = page.token
  } while (token !== undefined)
  return found
}
