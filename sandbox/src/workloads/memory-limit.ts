import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** A memory cgroup of one run of a container. */
export interface MemoryLimit {
  /** File that a process writes its id to, to be limited with all that it starts. */
  readonly members: string
  /** Whether the kernel has killed something in it for want of memory. */
  wasExceeded(): Promise<boolean>
  remove(): Promise<void>
}

/** Processes that were killed take a moment to leave. */
const leaveWithin = { tries: 40, everyMs: 25 }

/**
 * Limits the memory of one run, where this user may make memory cgroups; undefined where not, and then nothing is
 * limited. Version 1 and 2: https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export async function limitMemory(run: string, bytes: number): Promise<MemoryLimit | undefined> {
  const place = await findPlace()
  if (place === undefined || bytes <= 0) return undefined
  const { base, folder, isOld } = place
  const own = folderOf(folder, run)
  try {
    await mkdir(folder, { recursive: true })
    // A cgroup of version 2 has either processes or children with controllers; where it has, this is refused.
    if (!isOld)
      for (const above of [base, folder]) await writeFile(join(above, 'cgroup.subtree_control'), '+memory')
    await mkdir(own, { recursive: true })
    await writeFile(join(own, isOld ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes))
    return limitAt(folder, own, isOld)
  } catch {
    await removeFolders(folder, own)
    return undefined
  }
}

/** The limit of a run that was started before, by an earlier daemon perhaps. */
export async function findMemoryLimit(run: string): Promise<MemoryLimit | undefined> {
  const place = await findPlace()
  return place && limitAt(place.folder, folderOf(place.folder, run), place.isOld)
}

function limitAt(folder: string, own: string, isOld: boolean): MemoryLimit {
  return {
    members: join(own, 'cgroup.procs'),
    async wasExceeded() {
      const file = join(own, isOld ? 'memory.oom_control' : 'memory.events')
      const text = await readFile(file, 'utf8').catch(() => '')
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0
    },
    remove: () => removeFolders(folder, own),
  }
}

function folderOf(folder: string, run: string): string {
  return join(folder, createHash('sha256').update(run).digest('hex').slice(0, 24))
}

/** With the last one goes the folder of all of them. */
async function removeFolders(folder: string, own: string): Promise<void> {
  for (let tries = 0; existsSync(own) && tries < leaveWithin.tries; tries++) {
    await rmdir(own).catch(() => undefined)
    if (existsSync(own)) await delay(leaveWithin.everyMs)
  }
  await rmdir(folder).catch(() => undefined)
}

/** Below the cgroup that the daemon itself is in; undefined where there are none for memory. */
async function findPlace(): Promise<
  { readonly base: string; readonly folder: string; readonly isOld: boolean } | undefined
> {
  const text = await readFile('/proc/self/cgroup', 'utf8').catch(() => '')
  const old = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(text)?.[1]
  const unified = /^0::(.*)$/m.exec(text)?.[1]
  const base =
    old !== undefined
      ? join('/sys/fs/cgroup/memory', old)
      : unified === undefined
        ? undefined
        : join('/sys/fs/cgroup', unified)
  if (base === undefined) return undefined
  return { base, folder: join(base, 'mlp-sandbox-pods'), isOld: old !== undefined }
}
