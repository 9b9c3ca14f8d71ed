import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { adoptionFile } from '../../tools/terraform/workspace.ts'

/** An existing thing that terraform's state does not know. */
export interface Lost {
  /** terraform address */
  readonly to: string
  /** terraform import id */
  readonly id: string
}

/** Writes `import` blocks; the plan has to be made again after it. */
export async function writeAdoptions(folder: string, lost: readonly Lost[]): Promise<void> {
  await writeFile(join(folder, adoptionFile), `${JSON.stringify({ import: lost }, null, 2)}\n`, {
    mode: 0o600,
  })
}

/** An import block of a resource that was destroyed later is an error: they must not outlive their apply. */
export async function forgetAdoptions(folder: string): Promise<void> {
  await rm(join(folder, adoptionFile), { force: true })
}
