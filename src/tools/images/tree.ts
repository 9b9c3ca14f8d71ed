import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** One file, folder or link below a folder, its path with `/`. */
export type TreeEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly executable: boolean; readonly size: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

/**
 * Everything below `folder` that `keep` lets through, in one order on every machine; a folder before its content. Asked
 * synchronously: tens of thousands of small questions take a fraction of the time that as many promises take.
 */
export function listTree(folder: string, keep: (path: string) => boolean = () => true): readonly TreeEntry[] {
  const entries: TreeEntry[] = []
  function walk(prefix: string): void {
    const names = readdirSync(join(folder, prefix))
    // By code unit: a locale's order differs from machine to machine.
    for (const name of names.sort()) {
      const path = prefix === '' ? name : `${prefix}/${name}`
      if (!keep(path)) continue
      const found = lstatSync(join(folder, path))
      if (found.isSymbolicLink()) {
        entries.push({ kind: 'link', path, target: readlinkSync(join(folder, path)) })
      } else if (found.isDirectory()) {
        entries.push({ kind: 'folder', path })
        walk(path)
      } else if (found.isFile()) {
        entries.push({ kind: 'file', path, executable: (found.mode & 0o100) !== 0, size: found.size })
      }
    }
  }
  walk('')
  return entries
}
