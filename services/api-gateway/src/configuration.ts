import { SettingsError } from '@mlp/service-kit/settings'
import { isNode, LineCounter, parseDocument } from 'yaml'
import * as z from 'zod'

/** What an address may hold as a model's name or version; no path can be made of it. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const name = z
  .string()
  .regex(namePattern, 'expected letters, digits, dots, dashes and underscores, at most 100')
const milliseconds = (largest: number) => z.int().min(1).max(largest)

export const rateLimitSchema = z.strictObject({
  requestsPerSecond: z.number().positive().max(1_000_000),
  burst: z.int().min(1).max(1_000_000),
})

const upstreamSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine(url => URL.canParse(url) && new URL(url).pathname === '/', 'expected an origin, without a path'),
  /** Connections kept to it; more requests than that wait for one. */
  connections: z.int().min(1).max(4096).default(256),
  connectTimeoutMs: milliseconds(60_000).default(1000),
  /** Until the response's headers, time in the queue included. */
  responseTimeoutMs: milliseconds(600_000).default(30_000),
  /** Between two pieces of a response, and for a client to take one. */
  idleTimeoutMs: milliseconds(600_000).default(30_000),
  /** Further tries, where they are safe. */
  retries: z.int().min(0).max(5).default(2),
  circuitBreaker: z
    .strictObject({
      failureRatio: z.number().gt(0).max(1).default(0.5),
      minimumCalls: z.int().min(1).default(20),
      windowMs: milliseconds(600_000).default(10_000),
      openMs: milliseconds(600_000).default(5000),
    })
    .prefault({}),
})

const versionSchema = z.strictObject({
  version: name,
  weight: z.number().min(0).max(1_000_000),
  /** Where this version is served, when not by the model's upstream. */
  upstream: z.string().optional(),
})

const modelSchema = z.strictObject({
  upstream: z.string().optional(),
  /** Shares of the requests that name no version. Without it the upstream chooses. */
  versions: z.tuple([versionSchema], versionSchema).optional(),
  /** Whose requests stay with one version: each client's, or those with the same value of a header. */
  stickyBy: z
    .union([z.literal('client'), z.strictObject({ header: z.string().regex(/^[a-z0-9-]+$/) })])
    .default('client'),
  /** Running an inference twice changes nothing: then it may be tried again after it was sent. */
  idempotentInference: z.boolean().default(false),
  /** Send a second request when the first has not answered within this time. Needs `idempotentInference`. */
  hedgeAfterMs: milliseconds(60_000).optional(),
  /** Instead of the upstream's. */
  responseTimeoutMs: milliseconds(600_000).optional(),
})

const issuerSchema = z.strictObject({
  issuer: z.string().min(1),
  audience: z.string().min(1),
  jwksUrl: z
    .url({ protocol: /^https?$/ })
    .refine(
      isConfidential,
      'expected https, except on this machine: keys that anyone can replace prove nothing',
    ),
  /** The claim that names the client. */
  clientClaim: z.string().min(1).default('sub'),
  /** The claim with the scopes, a list or separated by spaces. */
  scopeClaim: z.string().min(1).default('scope'),
})

const configurationSchema = z
  .strictObject({
    upstreams: z.record(name, upstreamSchema),
    /** For the models that are not listed, and for what concerns no model. */
    defaultUpstream: z.string(),
    models: z.record(name, modelSchema).default({}),
    rateLimits: z
      .strictObject({
        /** For each client whose entry in the key file has none. */
        client: rateLimitSchema.default({ requestsPerSecond: 100, burst: 200 }),
        /** For each address, where no client is known: health, and attempts to sign in that failed. */
        address: rateLimitSchema.default({ requestsPerSecond: 10, burst: 50 }),
      })
      .prefault({}),
    /** Who issues the tokens that are accepted. */
    jwt: z.array(issuerSchema).default([]),
  })
  .superRefine((configuration, context) => {
    const known = new Set(Object.keys(configuration.upstreams))
    const check = (upstream: string | undefined, path: (string | number)[]) => {
      if (upstream !== undefined && !known.has(upstream)) {
        context.addIssue({ code: 'custom', path, message: `no upstream is named ${upstream}` })
      }
    }
    check(configuration.defaultUpstream, ['defaultUpstream'])
    for (const [model, { upstream, versions, hedgeAfterMs, idempotentInference }] of Object.entries(
      configuration.models,
    )) {
      const at = ['models', model]
      check(upstream, [...at, 'upstream'])
      for (const [index, version] of (versions ?? []).entries()) {
        check(version.upstream, [...at, 'versions', index, 'upstream'])
      }
      if (versions?.every(({ weight }) => weight === 0) === true) {
        context.addIssue({
          code: 'custom',
          path: [...at, 'versions'],
          message: 'one weight has to be above 0',
        })
      }
      if (versions !== undefined && new Set(versions.map(({ version }) => version)).size < versions.length) {
        context.addIssue({ code: 'custom', path: [...at, 'versions'], message: 'a version is listed twice' })
      }
      if (hedgeAfterMs !== undefined && !idempotentInference) {
        context.addIssue({
          code: 'custom',
          path: [...at, 'hedgeAfterMs'],
          message: 'needs idempotentInference: true',
        })
      }
    }
  })

export type Configuration = z.output<typeof configurationSchema>
export type UpstreamConfiguration = z.output<typeof upstreamSchema>
export type ModelConfiguration = z.output<typeof modelSchema>
export type IssuerConfiguration = z.output<typeof issuerSchema>

/** @throws SettingsError naming every mistake in the YAML text and where it is */
export function parseConfiguration(text: string, file: string): Configuration {
  return parseYamlFile(configurationSchema, text, file)
}

/** @throws SettingsError naming every mistake and where it is, never a value */
export function parseYamlFile<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  file: string,
): z.output<Schema> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined) => `${file}:${lines.linePos(offset ?? 0).line}`
  if (document.errors.length > 0) {
    throw new SettingsError(document.errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`))
  }
  const result = schema.safeParse(document.toJS())
  if (result.success) return result.data
  throw new SettingsError(
    result.error.issues.map(({ path, message }) => {
      const node = document.getIn(path, true) ?? document.getIn(path.slice(0, -1), true)
      return `${at(isNode(node) ? node.range?.[0] : 0)}: ${path.length === 0 ? '' : `${path.join('.')}: `}${message}`
    }),
  )
}

/** Whether what is sent there stays secret: TLS, or an address of this machine. */
export function isConfidential(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return (
    protocol === 'https:' || protocol === 'rediss:' || ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)
  )
}
