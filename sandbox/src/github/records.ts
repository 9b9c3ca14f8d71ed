import * as z from 'zod'
import type { ResourceStore } from '../store/resource-store.ts'

/** What GitHub remembers, in its own words where it shows them; made of facts in the sandbox's one store. */
const accountSchema = z.object({
  id: z.int(),
  login: z.string(),
  type: z.enum(['User', 'Organization']),
  createdAt: z.string(),
})
export type Account = z.output<typeof accountSchema>

const accessSchema = z.enum(['read', 'write'])
export type Access = z.output<typeof accessSchema>

const tokenSchema = z.object({
  login: z.string(),
  kind: z.enum(['classic', 'fine-grained', 'job']),
  /** Of a classic token: `repo`, `workflow` … */
  scopes: z.array(z.string()).default([]),
  /** Of the other kinds: `actions`, `contents` … */
  permissions: z.record(z.string(), accessSchema).default({}),
  /** The repositories it is for; all of its user's where there are none. */
  repositoryIds: z.array(z.int()).default([]),
  expiresAt: z.string().nullable().default(null),
  jobId: z.int().nullable().default(null),
})
export type TokenRecord = z.output<typeof tokenSchema>

const repositoryRole = z.enum(['admin', 'maintain', 'write', 'triage', 'read'])
const repositorySchema = z.object({
  id: z.int(),
  owner: z.string(),
  name: z.string(),
  private: z.boolean(),
  description: z.string().nullable(),
  homepage: z.string().nullable(),
  topics: z.array(z.string()),
  defaultBranch: z.string(),
  archived: z.boolean(),
  features: z.object({
    issues: z.boolean(),
    projects: z.boolean(),
    wiki: z.boolean(),
    discussions: z.boolean(),
  }),
  merges: z.object({
    squash: z.boolean(),
    merge: z.boolean(),
    rebase: z.boolean(),
    auto: z.boolean(),
    deleteBranch: z.boolean(),
  }),
  createdAt: z.string(),
  updatedAt: z.string(),
  pushedAt: z.string(),
  collaborators: z.record(z.string(), repositoryRole),
  actions: z.object({
    enabled: z.boolean(),
    allowed: z.enum(['all', 'local_only', 'selected']),
    shaPinning: z.boolean(),
    defaultPermissions: z.enum(['read', 'write']),
    canApprove: z.boolean(),
    selected: z.object({
      github_owned_allowed: z.boolean(),
      verified_allowed: z.boolean(),
      patterns_allowed: z.array(z.string()),
    }),
  }),
  subject: z.object({
    useDefault: z.boolean(),
    claimKeys: z.array(z.string()),
    immutable: z.boolean(),
  }),
  /** Next number of an issue or a pull request. */
  nextNumber: z.int(),
})
export type Repository = z.output<typeof repositorySchema>

const reviewerSchema = z.object({ type: z.enum(['User', 'Team']), id: z.int() })
const environmentSchema = z.object({
  id: z.int(),
  name: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  waitTimer: z.int(),
  preventSelfReview: z.boolean(),
  adminsBypass: z.boolean(),
  reviewers: z.array(reviewerSchema),
  branchPolicy: z.object({ protected_branches: z.boolean(), custom_branch_policies: z.boolean() }).nullable(),
  policies: z.array(z.object({ id: z.int(), name: z.string(), type: z.enum(['branch', 'tag']) })),
  /** Of its protection rules, in the order wait timer, reviewers, branch policy. */
  ruleIds: z.tuple([z.int(), z.int(), z.int()]),
})
export type Environment = z.output<typeof environmentSchema>

const variableSchema = z.object({
  name: z.string(),
  value: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type Variable = z.output<typeof variableSchema>

const statusSchema = z.object({
  id: z.int(),
  sha: z.string(),
  state: z.enum(['error', 'failure', 'pending', 'success']),
  context: z.string(),
  description: z.string().nullable(),
  targetUrl: z.string().nullable(),
  creator: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type CommitStatus = z.output<typeof statusSchema>

const protectionSchema = z.object({
  requiredChecks: z
    .object({
      strict: z.boolean(),
      checks: z.array(z.object({ context: z.string(), appId: z.int().nullable() })),
    })
    .nullable(),
  enforceAdmins: z.boolean(),
  reviews: z
    .object({
      dismissStale: z.boolean(),
      codeOwners: z.boolean(),
      count: z.int(),
      lastPush: z.boolean(),
    })
    .nullable(),
  linearHistory: z.boolean(),
  allowForce: z.boolean(),
  allowDeletions: z.boolean(),
  blockCreations: z.boolean(),
  conversationResolution: z.boolean(),
  lockBranch: z.boolean(),
  forkSyncing: z.boolean(),
  signatures: z.boolean(),
})
export type Protection = z.output<typeof protectionSchema>

const rulesetSchema = z.object({
  id: z.int(),
  name: z.string(),
  target: z.enum(['branch', 'tag', 'push']),
  enforcement: z.enum(['disabled', 'active', 'evaluate']),
  include: z.array(z.string()),
  exclude: z.array(z.string()),
  bypassActors: z.array(z.record(z.string(), z.unknown())),
  rules: z.array(z.object({ type: z.string(), parameters: z.record(z.string(), z.unknown()).optional() })),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type Ruleset = z.output<typeof rulesetSchema>

const issueSchema = z.object({
  id: z.int(),
  number: z.int(),
  title: z.string(),
  body: z.string().nullable(),
  state: z.enum(['open', 'closed']),
  author: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  closedAt: z.string().nullable(),
  pull: z
    .object({
      head: z.string(),
      base: z.string(),
      headSha: z.string(),
      draft: z.boolean(),
      mergedAt: z.string().nullable(),
      mergeSha: z.string().nullable(),
    })
    .nullable(),
})
export type Issue = z.output<typeof issueSchema>

const commentSchema = z.object({
  id: z.int(),
  number: z.int(),
  body: z.string(),
  author: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type Comment = z.output<typeof commentSchema>

const runStatus = z.enum(['queued', 'in_progress', 'completed', 'waiting', 'pending'])
const conclusion = z.enum([
  'success',
  'failure',
  'cancelled',
  'skipped',
  'timed_out',
  'neutral',
  'startup_failure',
])

const workflowSchema = z.object({
  id: z.int(),
  path: z.string(),
  name: z.string(),
  state: z.enum(['active', 'disabled_manually', 'deleted']),
  createdAt: z.string(),
  updatedAt: z.string(),
})
export type WorkflowRecord = z.output<typeof workflowSchema>

const runSchema = z.object({
  id: z.int(),
  repositoryId: z.int(),
  workflowId: z.int(),
  path: z.string(),
  name: z.string(),
  title: z.string(),
  number: z.int(),
  attempt: z.int(),
  event: z.string(),
  /** What the event was about, as `github.event` shows it. */
  payload: z.record(z.string(), z.unknown()),
  inputs: z.record(z.string(), z.unknown()),
  ref: z.string(),
  sha: z.string(),
  actor: z.string(),
  triggeringActor: z.string(),
  status: runStatus,
  conclusion: conclusion.nullable(),
  createdAt: z.string(),
  startedAt: z.string(),
  updatedAt: z.string(),
  concurrency: z.object({ group: z.string(), cancel: z.boolean() }).nullable(),
  /** Why it could not start, or was interrupted; shown as an annotation. */
  problem: z.string().nullable(),
  approvals: z.array(
    z.object({
      state: z.enum(['approved', 'rejected']),
      comment: z.string(),
      login: z.string(),
      environments: z.array(z.string()),
    }),
  ),
  cancelling: z.boolean(),
})
export type Run = z.output<typeof runSchema>

const stepSchema = z.object({
  name: z.string(),
  number: z.int(),
  status: z.enum(['queued', 'in_progress', 'completed']),
  conclusion: conclusion.nullable(),
  startedAt: z.string().nullable(),
  completedAt: z.string().nullable(),
})

const jobSchema = z.object({
  id: z.int(),
  runId: z.int(),
  repositoryId: z.int(),
  attempt: z.int(),
  /** Its key in the workflow's file, and which of its matrix. */
  key: z.string(),
  name: z.string(),
  matrix: z.record(z.string(), z.unknown()).nullable(),
  index: z.int(),
  total: z.int(),
  status: runStatus,
  conclusion: conclusion.nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  completedAt: z.string().nullable(),
  labels: z.array(z.string()),
  environment: z.object({ name: z.string(), url: z.string().nullable() }).nullable(),
  approved: z.boolean(),
  concurrency: z.object({ group: z.string(), cancel: z.boolean() }).nullable(),
  steps: z.array(stepSchema),
  outputs: z.record(z.string(), z.string()),
  annotations: z.array(
    z.object({
      level: z.enum(['notice', 'warning', 'failure']),
      message: z.string(),
      title: z.string().nullable(),
    }),
  ),
  summary: z.string(),
})
export type Job = z.output<typeof jobSchema>

/** A job that is about an environment; `success` is shown as active. */
const deploymentSchema = z.object({
  id: z.int(),
  runId: z.int(),
  jobId: z.int(),
  environment: z.string(),
  ref: z.string(),
  sha: z.string(),
  creator: z.string(),
  state: z.enum(['waiting', 'queued', 'in_progress', 'success', 'failure', 'error', 'inactive']),
  createdAt: z.string(),
  updatedAt: z.string(),
})

/** Records of one kind, each with a key of its own; a key's beginning narrows a list. */
export interface Collection<T> {
  get(key: string): T | undefined
  list(prefix?: string): readonly T[]
  keys(prefix?: string): readonly string[]
  put(key: string, value: T): T
  delete(key: string): void
  deleteAll(prefix: string): void
}

function collection<T>(store: ResourceStore, name: string, schema: z.ZodType<T>): Collection<T> {
  const namespace = `github-${name}`
  const keys = (prefix = '') => store.listFacts(namespace).filter(key => key.startsWith(prefix))
  const get = (key: string) => {
    const kept = store.getFact(namespace, key)
    return kept === undefined ? undefined : schema.parse(kept)
  }
  return {
    get,
    keys,
    list: prefix => keys(prefix).flatMap(key => get(key) ?? []),
    put(key, value) {
      store.putFact(namespace, key, value)
      return value
    },
    delete: key => store.deleteFact(namespace, key),
    deleteAll(prefix) {
      for (const key of keys(prefix)) store.deleteFact(namespace, key)
    },
  }
}

const text = z.string()

export type Records = ReturnType<typeof openRecords>

/** Keys begin with the repository's id, `<id>/…`, so that deleting a repository finds all of its own. */
export function openRecords(store: ResourceStore) {
  const of = <T>(name: string, schema: z.ZodType<T>) => collection(store, name, schema)
  return {
    accounts: of('accounts', accountSchema),
    tokens: of('tokens', tokenSchema),
    repositories: of('repositories', repositorySchema),
    environments: of('environments', environmentSchema),
    /** `<repository>/<scope>/<NAME>`: the scope is an environment's id, or 0 for the repository itself. */
    variables: of('variables', variableSchema),
    secrets: of('secrets', variableSchema),
    statuses: of('statuses', statusSchema),
    protections: of('protections', protectionSchema),
    rulesets: of('rulesets', rulesetSchema),
    issues: of('issues', issueSchema),
    comments: of('comments', commentSchema),
    workflows: of('workflows', workflowSchema),
    runs: of('runs', runSchema),
    jobs: of('jobs', jobSchema),
    deployments: of('deployments', deploymentSchema),
    /** Small texts: keys of the issuer, key pairs of secrets. */
    texts: of('texts', text),
    /** A number nobody had before. GitHub's are large and grow. */
    nextId(): number {
      const last = z.int().parse(store.getFact('github-counters', 'id') ?? 1_300_000_000)
      // Not one by one, as on the real one: nobody should count on neighbours.
      const next = last + 7
      store.putFact('github-counters', 'id', next)
      return next
    },
  }
}

/** The collections whose keys begin with a repository's id. */
export const ofRepository = [
  'environments',
  'variables',
  'secrets',
  'statuses',
  'protections',
  'rulesets',
  'issues',
  'comments',
  'workflows',
  'runs',
  'jobs',
  'deployments',
] as const
