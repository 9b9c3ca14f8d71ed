import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { extract } from '../toolchain/archive.ts'
import { outputsSchema, visibleOutputs } from './outputs.ts'

/** State format 4, since terraform 0.12. terraform leaves out what is false. */
const stateSchema = z.object({ version: z.literal(4), outputs: outputsSchema })

/**
 * The outputs in the refreshed state that a saved plan carries, which for a plan that changes nothing are the root's
 * outputs: to read them costs no start of terraform. The format is terraform's own (a zip archive with the state as
 * `tfstate`), so undefined when it is not as known here.
 * @param file absolute path of a file that `terraform plan -out` wrote
 */
export async function outputsInPlan(file: string): Promise<JsonObject | undefined> {
  const text = await stateInPlan(await readFile(file))
  const state = stateSchema.safeParse(parseJson(text))
  return state.success ? visibleOutputs(state.data.outputs) : undefined
}

async function stateInPlan(archive: Buffer): Promise<string | undefined> {
  try {
    return (await extract(archive, 'zip', 'tfstate'))?.toString('utf8')
  } catch {
    return undefined
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}
