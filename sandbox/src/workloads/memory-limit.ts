import { createHash } from 'node:crypto'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A memory cgroup of one run of a container. */
export interface MemoryLimit {
  /** File that a process writes its id to, to be limited with all that it starts. */
  readonly members: string
  /** Whether the kernel has killed something in it for want of memory. */
  wasExceeded(): Promise<boolean>
  remove(): Promise<void>
}

/** The kubelet's own folder, so to say: below the cgroup that the daemon itself is in. Undefined where that cannot be. */
let parent: Promise<string | undefined> | undefined

/**
 * Limits the memory of one run, where this user may make memory cgroups; undefined where not, and then nothing is
 * limited. Version 1 and 2: https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
export async function limitMemory(run: string, bytes: number): Promise<MemoryLimit | undefined> {
  parent ??= findParent()
  const folder = await parent
  if (folder === undefined || bytes <= 0) return undefined
  const own = limitOf(folder, run)
  try {
    await mkdir(own.folder, { recursive: true })
    await writeFile(join(own.folder, own.isOld ? 'memory.limit_in_bytes' : 'memory.max'), String(bytes))
    return own.limit
  } catch {
    return undefined
  }
}

/** The limit of a run that an earlier daemon started. */
export async function findMemoryLimit(run: string): Promise<MemoryLimit | undefined> {
  parent ??= findParent()
  const folder = await parent
  return folder === undefined ? undefined : limitOf(folder, run).limit
}

function limitOf(folder: string, run: string) {
  const isOld = folder.startsWith('/sys/fs/cgroup/memory')
  const own = join(folder, createHash('sha256').update(run).digest('hex').slice(0, 24))
  const limit: MemoryLimit = {
    members: join(own, 'cgroup.procs'),
    async wasExceeded() {
      const file = join(own, isOld ? 'memory.oom_control' : 'memory.events')
      const text = await readFile(file, 'utf8').catch(() => '')
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0
    },
    async remove() {
      await rmdir(own).catch(() => undefined)
      // Nothing of it stays behind after the last one.
      await rmdir(folder).then(
        () => {
          parent = undefined
        },
        () => undefined,
      )
    },
  }
  return { folder: own, isOld, limit }
}

async function findParent(): Promise<string | undefined> {
  const lines = (await readFile('/proc/self/cgroup', 'utf8').catch(() => '')).split('\n')
  const old = lines
    .map(line => /^\d+:(?:.*,)?memory(?:,.*)?:(.*)$/.exec(line)?.[1])
    .find(path => path !== undefined)
  const unified = /^0::(.*)$/m.exec(lines.join('\n'))?.[1]
  const base =
    old !== undefined ? join('/sys/fs/cgroup/memory', old) : unified && join('/sys/fs/cgroup', unified)
  if (base === undefined) return undefined
  const folder = join(base, 'mlp-sandbox-pods')
  try {
    await mkdir(folder, { recursive: true })
    // A cgroup of version 2 has either processes or children with controllers; where it has, this is refused.
    if (old === undefined) await writeFile(join(base, 'cgroup.subtree_control'), '+memory')
    if (old === undefined) await writeFile(join(folder, 'cgroup.subtree_control'), '+memory')
    return folder
  } catch {
    await rmdir(folder).catch(() => undefined)
    return undefined
  }
}
