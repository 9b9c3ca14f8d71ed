import * as z from 'zod'
import type { PlannedResource } from '../../clouds/cloud.ts'
import type { Json, JsonObject } from '../../engine/json.ts'

const json: z.ZodType<Json> = z.json()
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), json)

const changeSchema = z.object({
  address: z.string(),
  mode: z.enum(['managed', 'data']),
  type: z.string(),
  change: z.object({
    actions: z.array(z.enum(['no-op', 'create', 'read', 'update', 'delete', 'forget'])),
    before: z.union([jsonObject, z.null()]).optional(),
    after: z.union([jsonObject, z.null()]).optional(),
    replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
    importing: z.object({ id: z.string().optional() }).optional(),
  }),
  action_reason: z.string().optional(),
})

const planSchema = z.object({
  format_version: z.string().regex(/^1\./),
  resource_changes: z.array(changeSchema).default([]),
  output_changes: z.record(z.string(), z.object({ actions: z.array(z.string()) })).default({}),
})

/** What a person calls it; `adopt` is an import of something that exists already. */
export type ChangeKind = 'create' | 'change' | 'replace' | 'destroy' | 'adopt'

export interface Change {
  readonly address: string
  readonly type: string
  readonly kind: ChangeKind
  /** Only replaced because terraform's state says that its creation did not end well. */
  readonly tainted: boolean
  /** Attributes that force the replacement: 'engine', 'vpc_config.0.subnet_ids'. */
  readonly because: readonly string[]
  readonly after: JsonObject
  /** The cloud's id, where the resource exists already. */
  readonly id: string | undefined
}

export interface Plan {
  readonly changes: readonly Change[]
  readonly outputsChange: boolean
  /** Whether terraform's state held any resource before. */
  readonly hadState: boolean
  /** Types of the resources that the state holds, each once. */
  readonly existingTypes: readonly string[]
}

/** Reads `terraform show -json <plan file>`, format 1.x (terraform 1.0 and later). Throws zod's error on another shape. */
export function parsePlan(text: string): Plan {
  const document = planSchema.parse(JSON.parse(text))
  const changes = document.resource_changes.flatMap(({ address, mode, type, change, action_reason }) => {
    const kind = kindOf(change.actions, change.importing !== undefined)
    if (mode !== 'managed' || kind === undefined) return []
    const because = (change.replace_paths ?? []).map(path => path.join('.'))
    const id = change.before?.['id']
    return [
      {
        address,
        type,
        kind,
        tainted: action_reason === 'replace_because_tainted',
        because,
        after: change.after ?? {},
        id: typeof id === 'string' ? id : undefined,
      },
    ]
  })
  const existing = document.resource_changes.filter(
    ({ mode, change }) =>
      mode === 'managed' && !(change.actions.length === 1 && change.actions[0] === 'create'),
  )
  return {
    changes,
    outputsChange: Object.values(document.output_changes).some(({ actions }) =>
      actions.some(action => action !== 'no-op'),
    ),
    hadState: existing.length > 0,
    existingTypes: [...new Set(existing.map(({ type }) => type))],
  }
}

/** A change as what it would make, for asking the cloud about it. */
export function plannedResource({ address, type, after }: Change): PlannedResource {
  return { address, type, values: after }
}

function kindOf(actions: readonly string[], importing: boolean): ChangeKind | undefined {
  const has = (action: string) => actions.includes(action)
  if (has('create') && has('delete')) return 'replace'
  if (has('create')) return 'create'
  if (has('delete') || has('forget')) return 'destroy'
  if (importing) return 'adopt'
  if (has('update')) return 'change'
  return undefined
}
