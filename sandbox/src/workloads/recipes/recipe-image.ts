import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile, link, lstat, mkdir, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { ToolName } from '../../../../src/tools/toolchain/toolchain.ts'
import type { PulledImage } from '../images.ts'
import { onceEach } from '../once-each.ts'
import type { Recipe, RecipePrograms } from './recipe.ts'

/** Raised when roots are laid out in another way, so that they are made again. */
const layout = '1'

/**
 * The image of a recipe: its root filesystem below `folder`, made once. `onWait` is told what has to be fetched or built
 * first, when it takes longer than a moment.
 */
export async function makeRecipeImage(
  recipe: Recipe,
  reference: string,
  programs: Pick<RecipePrograms, 'find'>,
  folder: string,
  onWait: (message: string) => void,
): Promise<PulledImage & { readonly id: string }> {
  const tools = [...new Set(Object.values(recipe.programs))]
  const found = new Map(
    await Promise.all(
      tools.map(async tool => [tool, await announced(tool, programs, onWait)] satisfies [ToolName, string]),
    ),
  )
  const files = (await recipe.files?.(found)) ?? {}
  const key = createHash('sha256')
    .update(JSON.stringify([layout, recipe.programs, [...found], files]))
    .digest('hex')
  const root = join(folder, `recipe-${key}`)
  let bytes = 0
  for (const path of found.values()) bytes += (await stat(path)).size
  await onceEach(root, async () => {
    if (await exists(root)) return
    const unfinished = `${root}.new`
    await rm(unfinished, { recursive: true, force: true })
    for (const name of ['dev', 'etc', 'proc', 'sys', 'tmp'])
      await mkdir(join(unfinished, name), { recursive: true })
    await chmod(join(unfinished, 'tmp'), 0o1777)
    for (const [target, tool] of Object.entries(recipe.programs)) {
      const source = found.get(tool) ?? ''
      await place(source, join(unfinished, target))
      for (const library of await librariesOf(source)) {
        const copy = join(unfinished, library)
        if (!(await exists(copy))) await place(await realpath(library), copy)
      }
    }
    for (const [path, text] of Object.entries({ ...accounts, ...files })) {
      await mkdir(dirname(join(unfinished, path)), { recursive: true })
      await writeFile(join(unfinished, path), text)
    }
    await rename(unfinished, root)
  })
  return {
    root,
    bytes,
    id: `${reference.replace(/[:@][^/]*$/, '')}@sha256:${key}`,
    config: {
      User: recipe.user,
      Env: Object.entries(recipe.environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: [...recipe.entrypoint],
      WorkingDir: recipe.workingDirectory ?? '/',
    },
  }
}

const accounts = {
  '/etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n',
  '/etc/group': 'root:x:0:\nnonroot:x:65532:\n',
  '/etc/nsswitch.conf': 'hosts: files dns\n',
}

/** A build takes a minute, or ten; what is there already takes no telling. */
const announceAfterMs = 2000

async function announced(
  tool: ToolName,
  programs: Pick<RecipePrograms, 'find'>,
  onWait: (message: string) => void,
): Promise<string> {
  const timer = setTimeout(
    () =>
      onWait(`Waiting for ${tool}, which is being downloaded or built from source (see mlp sandbox status)`),
    announceAfterMs,
  )
  try {
    return await programs.find(tool)
  } finally {
    clearTimeout(timer)
  }
}

/** Big files are not copied where they need not be; nothing writes to an image's root. */
async function place(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await link(from, to).catch(() => copyFile(from, to))
}

/** Shared libraries of this machine that a program needs; Go's own need none. */
async function librariesOf(program: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ldd', [program]).catch(() => ({ stdout: '' }))
  // `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`
  return stdout.split('\n').flatMap(line => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? [])
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
