import { appendFile, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { PodWorker } from '../pod-worker.ts'
import { type LogTimes, readLogTimes } from './log-times.ts'
import { nanoseconds } from './logs.ts'

/** Where a node keeps what its containers print: https://kubernetes.io/docs/concepts/cluster-administration/logging/ */
export const nodeLogsPath = '/var/log/pods'

interface NodeLogs {
  /** Somebody on that node reads them: from now on they are written there. */
  watch(node: string): void
}

interface Options {
  /** What this node has below its root. */
  nodeFolder(node: string): string
  workers(): Iterable<PodWorker>
  readonly signal: AbortSignal
  log(message: string): void
}

const everyMs = 250
const blockBytes = 1024 * 1024
/** Who reads has as long for the last lines of a pod that has gone. */
const keepMs = 10_000

/**
 * Containers write their output themselves, as it comes. A node has it in the container runtime's format, line by line
 * with the time: it is copied there, but only for nodes on which somebody looks.
 */
export function keepNodeLogs(options: Options): NodeLogs {
  const watched = new Set<string>()
  /** Folders of pods, and since when their pod has gone. */
  const folders = new Map<string, number | undefined>()

  async function run(): Promise<void> {
    while (!options.signal.aborted) {
      const present = new Set<string>()
      for (const worker of options.workers()) {
        if (!watched.has(worker.pod.spec.nodeName)) continue
        const folder = folderOf(worker)
        present.add(folder)
        folders.set(folder, undefined)
        await copyPod(worker, folder).catch((error: unknown) => options.log(`logs of ${folder}: ${error}`))
      }
      for (const [folder, goneAt] of folders) {
        if (present.has(folder)) continue
        if (goneAt === undefined) folders.set(folder, Date.now())
        else if (Date.now() - goneAt > keepMs) {
          await rm(folder, { recursive: true, force: true })
          folders.delete(folder)
        }
      }
      await delay(everyMs, undefined, { signal: options.signal }).catch(() => undefined)
    }
  }

  function folderOf({ pod }: PodWorker): string {
    const { namespace, name, uid } = pod.metadata
    return join(options.nodeFolder(pod.spec.nodeName), nodeLogsPath, `${namespace}_${name}_${uid}`)
  }

  return {
    watch(node) {
      if (watched.size === 0) void run()
      watched.add(node)
    },
  }
}

async function copyPod(worker: PodWorker, folder: string): Promise<void> {
  const { initContainers, containers } = worker.pod.spec
  for (const { name } of [...initContainers, ...containers]) {
    const loop = worker.loop(name)
    // What a run printed last is copied when the next one has begun.
    for (const file of [loop?.logFile(true), loop?.logFile(false)])
      if (file !== undefined) await copyRun(file, join(folder, name, basename(file)))
  }
}

/** What is new of one run's output. How far it was copied is kept beside it, for the next daemon. */
async function copyRun(file: string, target: string): Promise<void> {
  const size = (await stat(file).catch(() => undefined))?.size ?? 0
  const progress = join(dirname(target), `.${basename(target)}.copied`)
  let at = copied.get(target) ?? Number(await readFile(progress, 'utf8').catch(() => 0))
  if (at >= size) {
    copied.set(target, at)
    return
  }
  await mkdir(dirname(target), { recursive: true })
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.alloc(Math.min(blockBytes, size - at))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
    const text = buffer.subarray(0, bytesRead)
    // A line that is longer than a block is cut, as a container runtime cuts it, too.
    const end = text.lastIndexOf(0x0a) + 1 || (bytesRead === blockBytes ? bytesRead : 0)
    if (end === 0) return
    const times = await readLogTimes(file)
    await appendFile(target, asRuntimeWrites(text.subarray(0, end), at, times))
    at += end
    await writeFile(progress, String(at))
    copied.set(target, at)
  } finally {
    await handle.close()
  }
}
const copied = new Map<string, number>()

/** `<time> stdout F <line>`; which stream a line came by is not known here. */
function asRuntimeWrites(text: Buffer, at: number, times: LogTimes): string {
  let offset = at
  return text
    .toString('utf8')
    .split('\n')
    .slice(0, -1)
    .map(line => {
      offset += Buffer.byteLength(line) + 1
      return `${nanoseconds(times.timeOf(offset))} stdout F ${line}\n`
    })
    .join('')
}
