import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/**
 * Replaces a file so that a reader, or a kill at any moment, finds either the old or the new content, whole, and a
 * power cut after the return finds the new one. Mode 0600; missing folders are made with 0700. Throws node's own
 * errors (ENOSPC, EACCES …) and leaves the old file as it was.
 */
export async function writeFileAtomically(file: string, content: string): Promise<void> {
  const folder = dirname(file)
  await makeFolder(folder)
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const handle = await open(temporary, 'w', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

/**
 * Makes a folder and those above it that are missing, for this user only unless `mode` says otherwise. node's own
 * recursive mkdir never returns where a folder takes no entries and says ENOENT, as below /proc; this throws it.
 */
export async function makeFolder(folder: string, mode = 0o700): Promise<void> {
  try {
    await makeOneFolder(folder, mode)
  } catch (error) {
    const parent = dirname(folder)
    if (systemErrorCode(error) !== 'ENOENT' || parent === folder) throw error
    await makeFolder(parent, mode)
    await makeOneFolder(folder, mode)
  }
}

/** Several processes may make the same one at once. */
async function makeOneFolder(folder: string, mode: number): Promise<void> {
  try {
    await mkdir(folder, { mode })
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST' || !(await stat(folder)).isDirectory()) throw error
  }
}

/** Removes what a killed writer of `file` left beside it. The caller holds the lease, so that no writer is at work. */
export async function removeLeftTemporaries(file: string): Promise<void> {
  const folder = dirname(file)
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${basename(file)}.`) && name.endsWith('.tmp')) {
      await rm(join(folder, name), { force: true })
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** node's code of a system error: `ENOENT`, `ENOSPC` …; undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
