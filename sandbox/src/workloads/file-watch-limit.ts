import { readFile, writeFile } from 'node:fs/promises'

const limitFile = '/proc/sys/fs/inotify/max_user_instances'
/** Linux' own is 128. */
const needed = 512

/**
 * Whether a user may watch files often enough for a proxy beside every pod: each takes three instances of inotify, each
 * API server six. Where the limit is too low and this user may, it is raised until the next boot, as the kubelet sets the
 * kernel parameters that it needs.
 */
export async function allowFileWatches(): Promise<boolean> {
  const limit = Number(await readFile(limitFile, 'utf8').catch(() => '0'))
  if (limit >= needed) return true
  return await writeFile(limitFile, String(needed)).then(
    () => true,
    () => false,
  )
}
