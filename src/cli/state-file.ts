import { readFile } from 'node:fs/promises'
import { MlpError } from '../engine/errors.ts'
import { readState, type StateDocument } from '../engine/state-document.ts'

/** What mlp remembers on this machine. Reads and changes nothing: a damaged file is for the next run to set aside. */
export async function readStateFile(file: string): Promise<StateDocument | undefined> {
  const text = await readText(file)
  if (text === undefined) return undefined
  const state = readState(text, file)
  if (state.kind !== 'damaged') return state.document
  throw new MlpError({
    code: 'MLP5214',
    summary: `${file} is damaged`,
    detail: state.reason,
    remedy: ['Run `mlp bootstrap`: it keeps the damaged file beside, asks the world, and goes on.'],
  })
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new MlpError({
      code: 'MLP5212',
      summary: `${file} cannot be read`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: ['Look at who owns it: mlp writes it with mode 0600 as the user who runs it.'],
      cause: error,
    })
  }
}
