import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cloud } from '../../clouds/cloud.ts'
import { type Plan, plannedCreations } from '../../tools/terraform/plan-document.ts'
import { adoptionFile } from '../../tools/terraform/workspace.ts'

const lookUpsAtOnce = 8

/** An existing thing that terraform plans to create. */
export interface Lost {
  /** terraform address */
  readonly to: string
  /** terraform import id */
  readonly id: string
}

/**
 * terraform writes its remote state every 20 s at most, so a killed run leaves resources that the state does not
 * know. This asks the cloud for each planned creation whether it is there already, under our name and platform id.
 */
export async function findLost(cloud: Cloud, plan: Plan, signal: AbortSignal): Promise<readonly Lost[]> {
  const waiting = [...plannedCreations(plan)]
  const found: Lost[] = []
  const lookUp = async () => {
    for (let resource = waiting.shift(); resource !== undefined; resource = waiting.shift()) {
      const id = await cloud.findExisting(resource, signal)
      if (id !== undefined) found.push({ to: resource.address, id })
    }
  }
  await Promise.all(Array.from({ length: lookUpsAtOnce }, lookUp))
  return found.sort((a, b) => a.to.localeCompare(b.to))
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
