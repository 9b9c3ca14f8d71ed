import { appendFile, copyFile, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/**
 * Some programs embed files that their publisher generates and that are not in their Go module (Alertmanager's pages).
 * Lays what stands in for them, `<folder>/missing`, over a copy of the verified module, and returns a folder to build
 * in, below `scratch`: Go lets nobody replace single files of its module cache. Relative, so that no path of this
 * machine gets into the program.
 */
export async function completeModule(
  module: string,
  folder: string,
  scratch: string,
  go: (args: readonly string[]) => Promise<{ readonly stdout: string }>,
): Promise<string> {
  // Checks it against go.sum, which Go does not do for what a folder replaces.
  await go(['mod', 'download', module])
  const original = (await go(['list', '-m', '-f', '{{.Dir}}', module])).stdout.trim()
  const copy = join(scratch, 'module')
  await copyFiles(original, copy)
  await copyFiles(join(folder, 'missing'), copy)
  for (const name of ['go.mod', 'go.sum']) await copyFile(join(folder, name), join(scratch, name))
  await appendFile(join(scratch, 'go.mod'), `\nreplace ${module} => ./module\n`)
  return scratch
}

/** Folders are made anew: those of the module cache may not be written to, and a copy would keep that. */
async function copyFiles(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const target = join(to, relative(from, entry.parentPath), entry.name)
    await mkdir(dirname(target), { recursive: true })
    await copyFile(join(entry.parentPath, entry.name), target)
  }
}
