import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { makeFolder, systemErrorCode } from '../../engine/atomic-file.ts'
import { MlpError } from '../../engine/errors.ts'

/** Names what an earlier `mlp render` wrote, so that the next one removes that and nothing else. */
const manifestFile = '.mlp-render.json'
const manifestSchema = z.object({
  schemaVersion: z.literal(1),
  // Somebody may have edited it: no path may lead out of the folder.
  files: z.array(z.string().regex(/^(?!.*(^|\/)\.\.(\/|$))[^/].*$/)),
})

/**
 * Writes the files, by path below `folder`, in the place of those of an earlier render. Throws MlpError MLP1013 (exit
 * 2) for a folder that holds anything and was not rendered by mlp, MLP1014 (exit 2) when it cannot be written.
 */
export async function writeRendered(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const path of await renderedBefore(folder)) await rm(join(folder, path), { force: true })
  try {
    const manifest = JSON.stringify({ schemaVersion: 1, files: [...files.keys()] }, null, 2)
    // First: a render that is cut short leaves nothing that the next one does not know as its own.
    await write(join(folder, manifestFile), `${manifest}\n`)
    for (const [path, text] of files) await write(join(folder, path), text)
  } catch (error) {
    throw new MlpError({
      code: 'MLP1014',
      summary: `${folder} cannot be written`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: ['Choose a folder that you may write to, on a disk with room.'],
      cause: error,
    })
  }
}

async function write(file: string, text: string): Promise<void> {
  await makeFolder(dirname(file), 0o777)
  await writeFile(file, text)
}

async function renderedBefore(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder)
  if (names.length === 0) return []
  if (!names.includes(manifestFile)) throw foreign(folder, `It holds ${names.slice(0, 3).join(', ')}.`)
  try {
    const manifest = await readFile(join(folder, manifestFile), 'utf8')
    return manifestSchema.parse(JSON.parse(manifest)).files
  } catch {
    throw foreign(folder, `Its ${manifestFile} cannot be understood.`)
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return []
    throw foreign(folder, error instanceof Error ? error.message : String(error))
  }
}

function foreign(folder: string, detail: string): MlpError {
  return new MlpError({
    code: 'MLP1013',
    summary: `${folder} is not an empty folder, nor one that mlp rendered`,
    detail,
    remedy: ['Name a folder that is not there yet: mlp render <folder>'],
  })
}
