import { parse as parseYaml } from 'yaml'
import * as z from 'zod'

/** A workflow's file as https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax has it. */
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])
const asText = scalar.transform(value => (value === null ? '' : String(value)))
const texts = z.record(z.string(), asText)
const expression = z.string().regex(/\$\{\{/)
const flag = z.union([z.boolean(), expression])
const count = z.union([z.number(), expression])
const oneOrMore = z.union([z.string().transform(one => [one]), z.array(z.string())])

const access = z.enum(['read', 'write', 'none'])
const permissionNames = [
  'actions',
  'artifact-metadata',
  'attestations',
  'checks',
  'contents',
  'deployments',
  'discussions',
  'id-token',
  'issues',
  'models',
  'packages',
  'pages',
  'pull-requests',
  'security-events',
  'statuses',
] as const
const permissions = z.union([
  z.enum(['read-all', 'write-all']),
  z.null().transform(() => ({})),
  z.partialRecord(z.enum(permissionNames), access),
])

const shellSettings = z.strictObject({
  run: z
    .strictObject({ shell: z.string().optional(), 'working-directory': z.string().optional() })
    .optional(),
})
const concurrency = z.union([
  z.string().transform(group => ({ group, 'cancel-in-progress': false as boolean | string })),
  z.strictObject({ group: z.string(), 'cancel-in-progress': flag.default(false) }),
])

const step = z
  .strictObject({
    id: z
      .string()
      .regex(/^[A-Za-z_][\w-]*$/)
      .optional(),
    name: asText.optional(),
    if: z.union([z.string(), z.boolean(), z.number()]).transform(String).optional(),
    uses: z.string().optional(),
    run: z.string().optional(),
    with: texts.default({}),
    env: texts.default({}),
    shell: z.string().optional(),
    'working-directory': z.string().optional(),
    'continue-on-error': flag.default(false),
    'timeout-minutes': count.optional(),
  })
  .refine(one => (one.uses === undefined) !== (one.run === undefined), 'a step has either `uses` or `run`')
export type Step = z.output<typeof step>

const job = z.strictObject({
  name: asText.optional(),
  needs: oneOrMore.default([]),
  if: z.union([z.string(), z.boolean(), z.number()]).transform(String).optional(),
  'runs-on': z.union([
    oneOrMore,
    z
      .strictObject({ group: z.string().optional(), labels: oneOrMore.optional() })
      .transform(({ labels }) => labels ?? []),
  ]),
  permissions: permissions.optional(),
  environment: z
    .union([
      z.string().transform(name => ({ name, url: undefined })),
      z.strictObject({ name: z.string(), url: z.string().optional(), deployment: flag.optional() }),
    ])
    .optional(),
  concurrency: concurrency.optional(),
  outputs: texts.default({}),
  env: texts.default({}),
  defaults: shellSettings.default({}),
  steps: z.array(step).min(1),
  'timeout-minutes': count.default(360),
  'continue-on-error': flag.default(false),
  strategy: z
    .strictObject({
      matrix: z.union([expression, z.record(z.string(), z.unknown())]).optional(),
      'fail-fast': flag.default(true),
      'max-parallel': count.optional(),
    })
    .optional(),
})
export type JobDefinition = z.output<typeof job>

const filters = z
  .looseObject({
    branches: oneOrMore.optional(),
    'branches-ignore': oneOrMore.optional(),
    tags: oneOrMore.optional(),
    'tags-ignore': oneOrMore.optional(),
    paths: oneOrMore.optional(),
    'paths-ignore': oneOrMore.optional(),
    types: oneOrMore.optional(),
    inputs: z
      .record(
        z.string(),
        z
          .looseObject({
            required: z.boolean().default(false),
            default: scalar.optional(),
            type: z.enum(['string', 'boolean', 'choice', 'number', 'environment']).default('string'),
            options: z.array(asText).optional(),
          })
          .nullable(),
      )
      .nullable()
      .optional(),
  })
  .nullable()
export type EventFilter = z.output<typeof filters>

const events = z
  .union([
    z.string().transform(one => ({ [one]: null })),
    z.array(z.string()).transform(all => Object.fromEntries(all.map(one => [one, null]))),
    z.record(z.string(), z.unknown()),
  ])
  .transform((given, context): Record<string, EventFilter> => {
    const read: Record<string, EventFilter> = {}
    for (const [name, value] of Object.entries(given)) {
      // A schedule is a list, and there is nothing to choose by.
      const filter = filters.safeParse(Array.isArray(value) ? {} : (value ?? null))
      if (filter.success) read[name] = filter.data
      else
        context.addIssue({
          code: 'custom',
          message: `the filters of ${name} are not understood`,
          path: [name],
        })
    }
    return read
  })

const workflow = z.strictObject({
  name: asText.optional(),
  'run-name': z.string().optional(),
  on: events,
  permissions: permissions.optional(),
  env: texts.default({}),
  defaults: shellSettings.default({}),
  concurrency: concurrency.optional(),
  jobs: z
    .record(z.string().regex(/^[A-Za-z_][\w-]*$/), job)
    .refine(all => Object.keys(all).length > 0, 'there is no job'),
})
export type Workflow = z.output<typeof workflow>
export type Permissions = NonNullable<Workflow['permissions']>

export type ReadWorkflow =
  | { readonly valid: true; readonly workflow: Workflow }
  | { readonly valid: false; readonly problem: string }

/** What the file says; or what is wrong with it, as GitHub shows it. */
export function readWorkflow(path: string, text: string): ReadWorkflow {
  const refuse = (problem: string): ReadWorkflow => ({
    valid: false,
    problem: `Invalid workflow file: ${path}\n${problem}`,
  })
  let parsed: unknown
  try {
    parsed = parseYaml(text, { merge: false })
  } catch (error) {
    return refuse(
      `You have an error in your yaml syntax: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
  const read = workflow.safeParse(parsed)
  if (!read.success)
    return refuse(
      read.error.issues.map(issue => `${issue.path.join('.') || '(root)'}: ${issue.message}`).join('\n'),
    )
  const { jobs } = read.data
  for (const [key, { needs }] of Object.entries(jobs))
    for (const needed of needs)
      if (jobs[needed] === undefined) return refuse(`Job '${key}' depends on unknown job '${needed}'.`)
  const circle = findCircle(jobs)
  if (circle !== undefined)
    return refuse(`The workflow must contain at least one job with no dependencies: ${circle} needs itself.`)
  return { valid: true, workflow: read.data }
}

function findCircle(jobs: Workflow['jobs']): string | undefined {
  return Object.keys(jobs).find(key => ancestors(jobs, key).includes(key))
}

/** All that a job needs, and what that needs. */
export function ancestors(jobs: Workflow['jobs'], key: string): readonly string[] {
  const found = new Set<string>()
  const visit = (one: string) => {
    for (const needed of jobs[one]?.needs ?? [])
      if (!found.has(needed)) {
        found.add(needed)
        visit(needed)
      }
  }
  visit(key)
  return [...found]
}

/** The permissions of a job's token: its own, else the workflow's, else the repository's. */
export function tokenPermissions(
  own: Permissions | undefined,
  fallback: Permissions | undefined,
  usual: 'read' | 'write',
): Readonly<Record<string, 'read' | 'write'>> {
  const given = own ?? fallback
  if (given === undefined)
    return usual === 'read' ? { contents: 'read', packages: 'read', metadata: 'read' } : all('write', false)
  if (given === 'read-all') return all('read', false)
  if (given === 'write-all') return all('write', true)
  const named = Object.entries(given).flatMap(([name, value]) =>
    value === undefined || value === 'none'
      ? []
      : [[name === 'pull-requests' ? 'pull_requests' : name, value] as const],
  )
  return { metadata: 'read', ...Object.fromEntries(named) }
}

function all(value: 'read' | 'write', identity: boolean): Readonly<Record<string, 'read' | 'write'>> {
  const names = permissionNames.filter(name => name !== 'id-token' || identity)
  return {
    metadata: 'read',
    ...Object.fromEntries(names.map(name => [name === 'pull-requests' ? 'pull_requests' : name, value])),
  }
}
