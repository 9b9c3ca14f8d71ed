import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'

/** One file, folder or link below a folder, its path with `/`. */
export type TreeEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/** Everything below `folder` that `keep` lets through, in one order on every machine; a folder before its content. */
export async function listTree(
  folder: string,
  keep: (path: string) => boolean = () => true,
): Promise<readonly TreeEntry[]> {
  const entries: TreeEntry[] = []
  async function walk(prefix: string): Promise<void> {
    const names = await readdir(join(folder, prefix))
    // By code unit: a locale's order differs from machine to machine.
    for (const name of names.sort()) {
      const path = prefix === '' ? name : `${prefix}/${name}`
      if (!keep(path)) continue
      const found = await lstat(join(folder, path))
      if (found.isSymbolicLink()) {
        entries.push({ kind: 'link', path, target: await readlink(join(folder, path)) })
      } else if (found.isDirectory()) {
        entries.push({ kind: 'folder', path })
        await walk(path)
      } else if (found.isFile()) {
        entries.push({ kind: 'file', path, executable: (found.mode & 0o100) !== 0 })
      }
    }
  }
  await walk('')
  return entries
}
