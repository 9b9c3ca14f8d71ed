import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { writeAtomically } from '../home.ts'

/** A number that is made once and the same ever after. */
export async function readOrMake(file: string, make: () => Promise<number>): Promise<number> {
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return z.int().parse(JSON.parse(known))
  const made = await make()
  await writeAtomically(file, JSON.stringify(made))
  return made
}
