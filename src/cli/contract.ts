import * as z from 'zod'

/*
 * The JSON that other programs read. Fields may be added; anything else needs a new schemaVersion, and a reason in
 * docs/decisions.md.
 */

export const documentVersion = 1
const schemaVersion = z.literal(documentVersion)
const cloud = z.enum(['aws', 'gcp', 'azure', 'all'])
const target = z.enum(['sandbox', 'cloud'])
const environment = z.enum(['dev', 'staging', 'prod'])
const instant = z.iso.datetime()

const money = z
  .object({ amount: z.number(), currency: z.string(), source: z.string(), asOf: z.string() })
  .nullable()
const amountOfMoney = z.object({ amount: z.number(), currency: z.string() })
const leftover = z.object({
  cloud,
  type: z.string(),
  id: z.string(),
  name: z.string(),
  reason: z.string(),
})

/** `mlp status --json`: memory only, so `asOf` says when the world last confirmed it. */
export const statusDocument = z.object({
  schemaVersion,
  target,
  project: z.string(),
  environment,
  asOf: instant.nullable(),
  /** Where the machines' common record lies; a problem when it could not be asked, so that this machine's is shown. */
  record: z.object({ place: z.string().nullable(), problem: z.string().nullable() }),
  /** The run that holds the lock. */
  holder: z
    .object({
      id: z.string(),
      user: z.string(),
      host: z.string(),
      pid: z.int(),
      command: z.string(),
      since: instant,
      renewedAt: instant,
      step: z.string().nullable(),
    })
    .nullable(),
  phases: z.array(
    z.object({
      number: z.int().min(1).max(8),
      name: z.string(),
      state: z.enum(['pending', 'running', 'done', 'failed']),
      steps: z.array(
        z.object({
          id: z.string(),
          cloud,
          state: z.enum(['pending', 'running', 'done', 'failed', 'skipped', 'stale']),
          why: z.string(),
          by: z.string().nullable(),
          finishedAt: instant.nullable(),
        }),
      ),
    }),
  ),
})

/** `mlp verify --json` and `mlp doctor --json`. Healthy: no fail, error or blocked. */
export const checkDocument = z.object({
  schemaVersion,
  healthy: z.boolean(),
  checks: z.array(
    z.object({
      id: z.string(),
      phase: z.int(),
      cloud: z.string(),
      title: z.string(),
      status: z.enum(['pass', 'warn', 'fail', 'error', 'blocked', 'skipped']),
      detail: z.string(),
      remedy: z.array(z.string()),
      durationMs: z.number(),
    }),
  ),
  /** With --go-live only. */
  checklist: z.lazy(() => checklistDocument).optional(),
  /** The archive of `--support-bundle-on-failure`. */
  supportBundle: z.string().optional(),
})

/** The go-live checklist of `mlp verify --go-live`; kept with the run, for `mlp report --checklist`. */
export const checklistDocument = z.object({
  schemaVersion,
  project: z.string(),
  environment,
  target,
  runId: z.string(),
  at: instant,
  ready: z.boolean(),
  items: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      /** One of the guide's own eight. */
      guides: z.boolean(),
      state: z.enum(['done', 'open']),
      why: z.string(),
      owner: z.string(),
      /** How long a look or a test of it holds, in days. */
      holdsDays: z.number(),
      /** What each of its checks saw, when, and by which run. */
      evidence: z.array(
        z.object({
          check: z.string(),
          title: z.string(),
          status: z.enum(['pass', 'warn', 'fail', 'error', 'blocked', 'skipped']),
          detail: z.string(),
          remedy: z.array(z.string()),
          at: instant,
          runId: z.string().nullable(),
          expiresAt: instant,
        }),
      ),
      signedBy: z.string().nullable(),
      signedAt: instant.nullable(),
      signedRunId: z.string().nullable(),
      expiresAt: instant.nullable(),
    }),
  ),
})

/** `mlp login --json`: `until` is ISO 8601, or whether the tools renew the credentials themselves. */
export const loginDocument = z.object({
  schemaVersion,
  target,
  clouds: z.array(
    z.object({
      cloud,
      ok: z.boolean(),
      principal: z.string().nullable(),
      account: z.string().nullable(),
      until: z.union([instant, z.enum(['renewed', 'unknown'])]).nullable(),
      detail: z.string(),
      /** What to run to sign in. */
      signIn: z.array(z.string()),
    }),
  ),
})

const documentError = z.object({
  code: z.string(),
  owner: z.enum(['operator', 'cloud-administrator', 'mlp-authors']),
  retryable: z.boolean(),
  summary: z.string(),
  detail: z.string().optional(),
  remedy: z.array(z.string()),
  command: z.string().optional(),
})

/** `mlp plan --json`. */
export const planDocument = z.object({
  schemaVersion,
  actions: z.array(
    z.object({
      step: z.string(),
      cloud,
      subject: z.string(),
      action: z.enum(['create', 'change', 'replace', 'destroy', 'read', 'run']),
      why: z.string(),
      destroysData: z.boolean(),
      seconds: z.number().nullable(),
      monthlyCost: money,
      command: z.string().optional(),
    }),
  ),
  unchanged: z.array(z.string()),
  errors: z.array(z.object({ step: z.string(), error: documentError })),
  /** What the account's limits leave room for: `needed` to come up, `wanted` at the largest, `used` by others. */
  quotas: z.array(
    z.object({
      cloud,
      name: z.string(),
      needed: z.number(),
      wanted: z.number(),
      used: z.number(),
      allowed: z.number(),
    }),
  ),
  cost: z.object({
    /** The whole platform while it runs, as far as it is known; empty where nothing is to be done: no price is asked. */
    monthly: z.array(amountOfMoney),
    /** The same with every node that the pools may have; `monthly` is with the fewest. */
    most: z.array(amountOfMoney),
    /** What of it the actions create or change. */
    added: z.array(amountOfMoney),
    /** The sandbox's prices, which nobody bills. */
    simulated: z.boolean(),
    /** Clouds whose `overrides/terraform` may make it cost something else: mlp's own templates are priced. */
    overridden: z.array(cloud),
    /** What costs and is in no sum, with its reason. */
    unknown: z.array(z.string()),
    lines: z.array(
      z.object({
        cloud,
        /** terraform address. */
        resource: z.string(),
        what: z.string(),
        amount: z.string(),
        /** Null with `byUse` or `unknown`. */
        monthly: amountOfMoney.nullable(),
        byUse: z.object({ rate: amountOfMoney.nullable(), per: z.string() }).nullable(),
        unknown: z.string().nullable(),
      }),
    ),
    /** mlp.yaml's, where prices were asked. */
    budget: z
      .object({
        amount: z.number(),
        currency: z.string(),
        verdict: z.enum(['within', 'tight', 'above', 'unknown']),
        detail: z.string(),
      })
      .nullable(),
  }),
})

/** `mlp render --json`. */
export const renderDocument = z.object({
  schemaVersion,
  /** Absolute. */
  folder: z.string(),
  /** Relative to it. */
  files: z.array(z.string()),
  /** Steps of which some values are not known yet, and what stands in their place. */
  unknown: z.array(z.object({ step: z.string(), unknown: z.string() })),
})

/** The first line of every NDJSON stream. */
export const versionEvent = z.object({
  at: instant,
  type: z.literal('version'),
  ui: z.literal('1.0'),
  mlp: z.string(),
})

/** What was asked before anything changed. */
const gateEvent = z.object({
  at: instant,
  type: z.literal('gate'),
  gate: z.string(),
  cloud,
  outcome: z.enum(['passed', 'warned', 'refused']),
  detail: z.string(),
  /** Lets it through, where there is one. */
  flag: z.string().optional(),
})

/** The last line of `bootstrap|phase|teardown --json`. */
export const runFinishedEvent = z.object({
  at: instant,
  type: z.literal('run-finished'),
  result: z.enum(['ok', 'failed', 'refused', 'interrupted']),
  exitCode: z.int(),
  durationMs: z.number(),
  done: z.int(),
  skipped: z.int(),
  failed: z.int(),
  total: z.int(),
  removed: z.array(leftover).optional(),
  kept: z.array(leftover).optional(),
  left: z.array(leftover).optional(),
  /** What ended the run outside of any step. */
  error: documentError.optional(),
})

export type StatusDocument = z.infer<typeof statusDocument>
export type CheckDocument = z.infer<typeof checkDocument>
export type ChecklistDocument = z.infer<typeof checklistDocument>
export type LoginDocument = z.infer<typeof loginDocument>
export type PlanDocument = z.infer<typeof planDocument>

/** JSON Schemas by document, for other programs. */
export function contractSchemas(): Readonly<Record<string, unknown>> {
  return {
    status: z.toJSONSchema(statusDocument),
    checks: z.toJSONSchema(checkDocument),
    checklist: z.toJSONSchema(checklistDocument),
    login: z.toJSONSchema(loginDocument),
    plan: z.toJSONSchema(planDocument),
    render: z.toJSONSchema(renderDocument),
    version: z.toJSONSchema(versionEvent),
    gate: z.toJSONSchema(gateEvent),
    'run-finished': z.toJSONSchema(runFinishedEvent),
  }
}
