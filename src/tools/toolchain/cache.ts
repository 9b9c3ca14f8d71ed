import { randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { makeFolder, systemErrorCode } from '../../engine/atomic-file.ts'
import { MlpError } from '../../engine/errors.ts'
import { isExecutable } from './found-on-path.ts'
import type { ToolName } from './toolchain.ts'

export type Origin = 'downloaded' | 'built'

const recordSchema = z.object({ origin: z.enum(['downloaded', 'built']) })

/** MLP_TOOLS_CACHE, else $XDG_CACHE_HOME/mlp/tools, else ~/.cache/mlp/tools. */
export function toolsCacheFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const own = environment['MLP_TOOLS_CACHE']
  if (own !== undefined && own !== '') return own
  const caches = environment['XDG_CACHE_HOME']
  return join(caches === undefined || caches === '' ? join(homedir(), '.cache') : caches, 'mlp', 'tools')
}

export interface CachedTool {
  readonly path: string
  readonly origin: Origin
}

/** Where each tool's finished binaries are: `<cache>/<tool>/<version>/<tool>`, never there half-made. */
export async function findCached(
  cache: string,
  tool: ToolName,
  version: string,
): Promise<CachedTool | undefined> {
  const folder = join(cache, tool, version)
  const path = join(folder, tool)
  if (!(await isExecutable(path))) return undefined
  return { path, origin: await readOrigin(join(folder, 'origin.json')) }
}

async function readOrigin(file: string): Promise<Origin> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8'))).origin
  } catch {
    // Put there by hand, then: as little vouched for as a build of one's own.
    return 'built'
  }
}

/**
 * Has `make` write the binary to the path it is given, in a folder of its own, and moves that folder into its place
 * once all is on disk. A kill at any moment leaves the cache without the tool, and a folder that the next one
 * removes. The caller holds the tool's lock. Throws MlpError MLP2015 when the disk is full or may not be written.
 */
export async function install(
  cache: string,
  tool: ToolName,
  version: string,
  origin: Origin,
  make: (file: string) => Promise<void>,
): Promise<CachedTool> {
  const folder = join(cache, tool)
  const temporary = join(folder, `.making-${randomUUID()}`)
  try {
    await makeFolder(folder)
    for (const name of await readdir(folder)) {
      if (name.startsWith('.making-')) await rm(join(folder, name), { recursive: true, force: true })
    }
    await mkdir(temporary, { mode: 0o700 })
    const file = join(temporary, tool)
    await make(file)
    await chmod(file, 0o755)
    await writeFile(join(temporary, 'origin.json'), `${JSON.stringify({ origin })}\n`)
    for (const path of [file, join(temporary, 'origin.json'), temporary]) await sync(path)
    // What is in the way there is not a finished binary: findCached would have found it.
    await rm(join(folder, version), { recursive: true, force: true })
    await rename(temporary, join(folder, version))
    await sync(folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw unwritable(error, cache) ?? error
  }
  return { path: join(folder, version, tool), origin }
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** MLP2015 for an error that says that the cache cannot be written; undefined for any other. */
export function unwritable(error: unknown, folder: string): MlpError | undefined {
  const code = systemErrorCode(error)
  const text = error instanceof MlpError ? (error.detail ?? '') : ''
  // EFBIG: a limit on the size of files (ulimit -f).
  const full =
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    code === 'EFBIG' ||
    /no space left on device|disk quota exceeded|file too large/i.test(text)
  const forbidden = code === 'EACCES' || code === 'EROFS' || code === 'EPERM' || code === 'ENOTDIR'
  if (!full && !forbidden) return undefined
  return new MlpError({
    code: 'MLP2015',
    summary: full ? `no room for tools in ${folder}` : `tools cannot be kept in ${folder}`,
    detail: text === '' ? String(error) : text,
    remedy: full
      ? [
          `Free some space (building every engine takes about 8 GB with Go's own caches): df -h ${dirname(folder)}`,
          'Or keep the tools on another disk: export MLP_TOOLS_CACHE=/path/with/room',
        ]
      : [`Make it writable, or keep the tools elsewhere: export MLP_TOOLS_CACHE=/path/of/yours`],
    cause: error,
  })
}
