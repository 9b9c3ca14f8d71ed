import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { JsonObject } from '../../engine/json.ts'
import { type Comparison, compareWithWorld } from '../../tools/terraform/terraform.ts'
import { lastVariables } from '../../tools/terraform/workspace.ts'
import type { Context } from '../phase.ts'
import { openRoot, type RootVariables, rootFolders, rootVariables } from './root.ts'

/**
 * A plan of the cluster root, made beside the foundation's instead of after it. It stands on what the foundation's
 * outputs were in the last run, so it counts only when the foundation is found unchanged with the same outputs; then
 * it is what a plan made afterwards would have been.
 */
export interface PlanAhead {
  /** Made at most once, and only where there was a last run. Ends when terraform has ended, and never rejects. */
  make(context: Context): Promise<void>
  /** What was found under these values; undefined when that is not known. Gives it once. */
  take(variables: RootVariables): Comparison | undefined
  /** The foundation was changed: whatever was found before is out of date. */
  forget(): void
}

const withFoundation = z.object({ foundation: z.record(z.string(), z.json()) })

export function planAhead(cloud: CloudName): PlanAhead {
  let isBegun = false
  let found: { readonly variables: RootVariables; readonly comparison: Comparison } | undefined
  return {
    async make(context) {
      if (isBegun) return
      isBegun = true
      const foundation = await lastFoundation(context, cloud)
      if (foundation === undefined) return
      const variables = rootVariables(context, cloud, 'cluster', foundation)
      try {
        const scope = await openRoot(context, cloud, 'cluster', `1.${cloud}.apply-cluster`, variables)
        found = { variables, comparison: await compareWithWorld(scope) }
      } catch (error) {
        // The cluster's own step meets it again, if it stays, and tells it.
        if (!(error instanceof MlpError)) throw error
      }
    },
    take(variables) {
      const taken = found
      found = undefined
      return taken !== undefined && isDeepStrictEqual(taken.variables, variables)
        ? taken.comparison
        : undefined
    },
    forget() {
      found = undefined
    },
  }
}

/** The foundation's outputs as the last run gave them to the cluster root. */
async function lastFoundation(context: Context, cloud: CloudName): Promise<JsonObject | undefined> {
  const { folder } = rootFolders(context, cloud, 'cluster')
  return withFoundation.safeParse(await lastVariables(folder)).data?.foundation
}
