import * as z from 'zod'

/** What is wrong with a service's settings: a person's mistake, so it is told in words and ends with exit code 2. */
export class SettingsError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(['The settings are not valid:', ...problems.map(problem => `  - ${problem}`)].join('\n'))
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/** An environment variable that holds a whole number. */
export function wholeNumber(smallest: number, largest: number) {
  return z
    .string()
    .regex(/^\d{1,15}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.int().min(smallest).max(largest))
}

/** Levels as people write them in ConfigMaps, Python's names included, to pino's. */
const logLevels = {
  trace: 'trace',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
  critical: 'fatal',
  silent: 'silent',
} as const

const logLevel = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['trace', 'debug', 'info', 'warn', 'warning', 'error', 'fatal', 'critical', 'silent']))
  .transform(level => logLevels[level])

const hourMs = 3_600_000

/** The settings that every service has. A service adds its own with `.extend()`. */
export function sharedSettings(defaultPort: number) {
  return z.object({
    /** A container sets 0.0.0.0; on a person's machine a service is not open to the network by default. */
    HOST: z.string().min(1).default('127.0.0.1'),
    /** 0 takes any free port; the log says which. */
    PORT: wholeNumber(0, 65_535).default(defaultPort),
    ENVIRONMENT: z.string().min(1).default('dev'),
    LOG_LEVEL: logLevel.default('info'),
    /** `off` removes the page at /docs; /openapi.json stays. */
    DOCS: z.enum(['on', 'off']).default('on'),
    /** How long a service that was told to stop goes on accepting, so that load balancers notice `/ready` first. */
    DRAIN_DELAY_MS: wholeNumber(0, hourMs).default(5000),
    /** How long requests in flight may take after that. Both together stay below the pod's grace period (30 s). */
    DRAIN_TIMEOUT_MS: wholeNumber(0, hourMs).default(20_000),
    /** Traces are sent here (OTLP over HTTP, protobuf); without it they are passed on but not recorded. */
    OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
    /** Share of traces to record where the caller has not decided. */
    OTEL_TRACES_SAMPLER_ARG: z
      .string()
      .regex(/^(0|1|0?\.\d+|1\.0+)$/, 'expected a number from 0 to 1')
      .transform(Number)
      .default(1),
  })
}
export type SharedSettings = z.output<ReturnType<typeof sharedSettings>>

/**
 * Reads settings from the environment; an empty variable counts as unset.
 * @throws SettingsError naming every mistake at once, never a value: it could be a secret.
 */
export function readSettings<Schema extends z.ZodType>(
  schema: Schema,
  environment: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const result = schema.safeParse(given)
  if (result.success) return result.data
  throw new SettingsError(
    result.error.issues.map(issue => {
      const name = issue.path.join('.')
      const missing = issue.code === 'invalid_type' && given[name] === undefined
      return `${name === '' ? '' : `${name}: `}${missing ? 'is required' : issue.message}`
    }),
  )
}
