import { constants } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import * as z from 'zod'
import { writeFileAtomically } from '../../engine/atomic-file.ts'
import { MlpError } from '../../engine/errors.ts'
import { runCommand } from '../exec.ts'
import type { Pin } from './versions.ts'

export interface PathFinding {
  readonly path: string
  /** Undefined when it could not be asked or did not say. */
  readonly version: string | undefined
}

const rememberedSchema = z.record(z.string(), z.string().nullable())

/**
 * The first executable of that name on PATH, as a shell would find it, and its version. Asking may take a second
 * (some tools start slowly), so answers are remembered in `memoryFile` under the file's path, time and size.
 */
export async function findOnPath(
  name: string,
  command: Pin['versionCommand'],
  environment: Readonly<Record<string, string | undefined>>,
  memoryFile: string,
): Promise<PathFinding | undefined> {
  const path = await firstOnPath(name, environment['PATH'])
  if (path === undefined) return undefined
  if (command === undefined) return { path, version: undefined }

  const { mtimeMs, size } = await stat(path)
  const key = `${await realpath(path)} ${mtimeMs} ${size}`
  const remembered = (await readMemory(memoryFile))[key]
  if (remembered !== undefined) return { path, version: remembered ?? undefined }

  const version = await askVersion(path, command, environment)
  try {
    // Read anew: another process may have asked about another tool in the meantime. To lose an answer only costs time.
    await writeFileAtomically(
      memoryFile,
      JSON.stringify({ ...(await readMemory(memoryFile)), [key]: version ?? null }),
    )
  } catch {
    // A cache that cannot be written (a read-only home) only makes the next start slower.
  }
  return { path, version }
}

/** The first executable of that name on a PATH, as a shell would find it. */
export async function firstOnPath(name: string, path = ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    // A relative folder on PATH would run whatever lies in the current one.
    if (!isAbsolute(folder)) continue
    const file = join(folder, name)
    if (await isExecutable(file)) return file
  }
  return undefined
}

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}

async function askVersion(
  path: string,
  { args, env, pattern }: NonNullable<Pin['versionCommand']>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  try {
    const context = { signal: new AbortController().signal, emit: () => undefined }
    const { stdout, stderr } = await runCommand(context, {
      file: path,
      args,
      env: { ...environment, ...env },
      timeoutMs: 15_000,
    })
    return new RegExp(pattern, 'm').exec(`${stdout}\n${stderr}`)?.[1]
  } catch (error) {
    // A binary that cannot even tell its version is not the one we want.
    if (error instanceof MlpError) return undefined
    throw error
  }
}

async function readMemory(file: string): Promise<z.infer<typeof rememberedSchema>> {
  try {
    return rememberedSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    // Absent or damaged: only a cache of answers, which are asked for again.
    return {}
  }
}
