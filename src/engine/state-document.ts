import * as z from 'zod'
import { MlpError } from './errors.ts'
import type { Json, JsonObject } from './json.ts'

export const stateSchemaVersion = 1

const json: z.ZodType<Json> = z.json()
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), z.json())

const stepRecord = z.strictObject({
  /** `running` in a file that nobody writes means that a run was killed in the middle of this step. */
  state: z.enum(['running', 'done', 'failed']),
  inputs: json,
  inputsHash: z.string(),
  outputs: jsonObject,
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  /** When the world last confirmed it. */
  checkedAt: z.string().nullable(),
  runId: z.string(),
  /** Who ran it: user@host. */
  by: z.string(),
  why: z.string(),
  error: z.strictObject({ code: z.string(), summary: z.string() }).optional(),
})

const stateDocument = z.strictObject({
  schemaVersion: z.literal(stateSchemaVersion),
  mlpVersion: z.string(),
  platformId: z.string(),
  /** Fencing number of the run that wrote it, 0 before there was a lease of all machines; and its changes so far. */
  fence: z.int().default(0),
  revision: z.int().default(0),
  steps: z.record(z.string(), stepRecord),
})

export type StepRecord = z.infer<typeof stepRecord>
export type StateDocument = z.infer<typeof stateDocument>

export type ReadState =
  | { readonly kind: 'current'; readonly document: StateDocument }
  | { readonly kind: 'migrated'; readonly document: StateDocument; readonly from: number }
  | { readonly kind: 'damaged'; readonly reason: string }

/** Version 0, of mlp before 0.1: records without who ran them and when the world was last asked. */
const versionZero = z.looseObject({
  schemaVersion: z.literal(0),
  steps: z.record(z.string(), stepRecord.partial({ by: true, checkedAt: true, why: true })),
})

/**
 * Reads the text of a state file. Throws MlpError MLP5210 (exit 2) when a newer mlp wrote it: guessing at what it
 * means could lose what that version recorded.
 */
export function readState(text: string, file: string): ReadState {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    return { kind: 'damaged', reason: error instanceof Error ? error.message : String(error) }
  }
  const version = z
    .looseObject({ schemaVersion: z.int(), mlpVersion: z.string().optional() })
    .safeParse(parsed)
  if (!version.success) return { kind: 'damaged', reason: 'it has no schemaVersion' }
  if (version.data.schemaVersion > stateSchemaVersion) throw newerState(version.data, file)
  const old = versionZero.safeParse(parsed)
  const document = stateDocument.safeParse(old.success ? migrated(old.data) : parsed)
  if (!document.success) return { kind: 'damaged', reason: z.prettifyError(document.error) }
  return old.success
    ? { kind: 'migrated', document: document.data, from: 0 }
    : { kind: 'current', document: document.data }
}

/** Of two copies, whether the first was written later: by a later holder of the lease, or later by the same. */
export function isNewer(one: StateDocument, other: StateDocument): boolean {
  return one.fence === other.fence ? one.revision > other.revision : one.fence > other.fence
}

function migrated(old: z.infer<typeof versionZero>): unknown {
  const steps = Object.entries(old.steps).map(([id, record]) => [
    id,
    { by: 'unknown', checkedAt: record.finishedAt, why: '', ...record },
  ])
  return { ...old, schemaVersion: stateSchemaVersion, steps: Object.fromEntries(steps) }
}

function newerState(
  found: { schemaVersion: number; mlpVersion?: string | undefined },
  file: string,
): MlpError {
  const writer = found.mlpVersion === undefined ? 'a newer mlp' : `mlp ${found.mlpVersion}`
  return new MlpError({
    code: 'MLP5210',
    summary: `${file} was written by ${writer}, which this mlp is too old to read`,
    detail: `Its schema version is ${found.schemaVersion}; this mlp knows ${stateSchemaVersion}.`,
    remedy: [
      `Use ${writer} or newer.`,
      `Or move the file aside: mlp then asks the world what is there; only history is lost.`,
    ],
  })
}
