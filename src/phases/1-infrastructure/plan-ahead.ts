import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import type { CloudName, RootName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import { type Comparison, compareWithWorld } from '../../tools/terraform/terraform.ts'
import { lastVariables } from '../../tools/terraform/workspace.ts'
import type { Context } from '../phase.ts'
import { openRoot, type RootVariables, rootFolders, rootVariables } from './root.ts'

/**
 * Plans of a cloud's two roots, made side by side and as early as may be: most runs change nothing, and then terraform
 * is what is waited for. The cluster's stands on what the foundation's outputs were in the last run, so it counts only
 * when the foundation is found unchanged with the same outputs; then it is what a plan made afterwards would have been.
 */
export interface PlanAhead {
  /** Made at most once, and only of roots that a run had before. Ends when terraform has ended, and never rejects. */
  make(context: Context): Promise<void>
  /** What was found under these values, a moment ago; undefined when that is not known. Gives it once. */
  take(root: RootName, variables: RootVariables): Comparison | undefined
  /** Something is going to be changed: whatever was or is being found is out of date. */
  forget(): void
}

interface Found {
  readonly variables: RootVariables
  readonly comparison: Comparison
  readonly atMs: number
}

/** A gate may wait for a person, and the world does not: then it is asked again. */
const freshMs = 30_000

const withFoundation = z.object({ foundation: z.record(z.string(), z.json()) })

export function planAhead(cloud: CloudName): PlanAhead {
  const found = new Map<RootName, Found>()
  let isOutOfDate = false
  let making: Promise<unknown> | undefined

  const plan = async (context: Context, root: RootName, outputs: JsonObject | undefined): Promise<void> => {
    const variables = rootVariables(context, cloud, root, outputs)
    const scope = await openRoot(context, cloud, root, `1.${cloud}.apply-${root}`, variables)
    const comparison = await compareWithWorld(scope)
    found.set(root, { variables, comparison, atMs: performance.now() })
  }
  const planBoth = async (context: Context): Promise<void> => {
    const [foundation, cluster] = await Promise.all([
      lastVariables(rootFolders(context, cloud, 'foundation').folder),
      lastVariables(rootFolders(context, cloud, 'cluster').folder),
    ])
    const outputs = lastOutputs(cluster)
    // Whatever goes wrong here, the root's own step meets it again, if it stays, and tells it.
    await Promise.allSettled([
      foundation === undefined ? undefined : plan(context, 'foundation', undefined),
      outputs === undefined ? undefined : plan(context, 'cluster', outputs),
    ])
  }

  return {
    async make(context) {
      making ??= planBoth(context).catch(() => undefined)
      await making
    },
    take(root, variables) {
      const taken = found.get(root)
      found.delete(root)
      if (taken === undefined || isOutOfDate || performance.now() - taken.atMs > freshMs) return undefined
      return isDeepStrictEqual(taken.variables, variables) ? taken.comparison : undefined
    },
    forget() {
      isOutOfDate = true
    },
  }
}

/** The foundation's outputs as the last run gave them to the cluster root. */
function lastOutputs(cluster: unknown): JsonObject | undefined {
  return withFoundation.safeParse(cluster).data?.foundation
}
