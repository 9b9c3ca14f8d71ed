import { copyFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Copies a file, and makes the folders that are missing on the way to its copy. */
export async function copyInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await copyFile(from, to)
}
