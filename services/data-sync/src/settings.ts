import { sharedSettings, wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import { smallestPartBytes } from './copy/parts.ts'

const mebibyte = 1_048_576
const hourMs = 3_600_000
/** An object that travels whole, and what its request takes. */
const smallestBudgetMiB = smallestPartBytes / mebibyte + 1

/** Less where the process may take little: beside content there is the program, and what the collector is behind with. */
function defaultBudgetMiB(): number {
  const limitMiB = process.constrainedMemory() / mebibyte
  return Math.max(smallestBudgetMiB, Math.min(64, Math.floor((limitMiB - 128) / 4)))
}

const path = z.string().startsWith('/', 'expected an absolute path')

const settingsShape = sharedSettings(8081).extend({
  /** `sqlite:/folder/file`, `postgres://USER@HOST:PORT/DATABASE` or `mssql://USER@HOST:PORT/DATABASE`. */
  DATABASE_URL: z.string().transform(parseDatabaseUrl),
  /** Never in the URL, which may be shown. */
  DATABASE_PASSWORD: z.string().optional(),
  /** A file with it instead, read anew for each connection: a password that is replaced needs no restart. */
  DATABASE_PASSWORD_FILE: path.optional(),
  /** Where passwords come from: the variable above, or short-lived tokens of the cloud's identity. */
  DATABASE_AUTHENTICATION: z.enum(['password', 'aws-iam', 'google-iam', 'entra']).default('password'),
  /** `off` only for a database on the same machine, or behind a proxy that encrypts. */
  DATABASE_TLS: z.enum(['verify', 'off']).default('verify'),
  /** PEM of further authorities that may sign the server's certificate, beside the system's: RDS's, Cloud SQL's. */
  DATABASE_CA_FILE: path.optional(),
  /** The name in the server's certificate, where it is not the host's: Cloud SQL by its private address. */
  DATABASE_TLS_NAME: z.string().min(1).optional(),

  /** When set, every call of the API needs `Authorization: Bearer <token>`. */
  API_TOKEN: z.string().min(16).optional(),

  /** Content in memory at once, over all runs. An object larger than 10,000 times this can't be copied to S3. */
  MEMORY_BUDGET_MIB: wholeNumber(smallestBudgetMiB, 65_536).default(defaultBudgetMiB),
  OBJECTS_AT_ONCE: wholeNumber(1, 1_000).default(16),
  RUNS_AT_ONCE: wholeNumber(1, 100).default(2),
  /** How long a dead replica's runs wait before another goes on with them. */
  LEASE_TTL_MS: wholeNumber(1_000, hourMs).default(15_000),
  POLL_INTERVAL_MS: wholeNumber(50, 60_000).default(1_000),
  HISTORY_DAYS: wholeNumber(1, 3_650).default(30),
  /** Attempts at one call to a store, and how long one may take. */
  STORE_ATTEMPTS: wholeNumber(1, 20).default(6),
  STORE_TIMEOUT_MS: wholeNumber(1_000, hourMs).default(120_000),
  STORE_CONNECTIONS: wholeNumber(1, 1_000).default(32),

  /** Other S3 services. Region and credentials are the SDK's own variables, or the pod's identity. */
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  S3_FORCE_PATH_STYLE: z.enum(['true', 'false']).default('false'),
  GCS_ENDPOINT: z.url().default('https://storage.googleapis.com'),
  /** An emulator that asks for no credentials. */
  STORAGE_EMULATOR_HOST: z.url().optional(),
  AZURE_STORAGE_ENDPOINT: z
    .string()
    .refine(text => URL.canParse(text.replaceAll('{account}', 'account')), { error: 'not a URL' })
    .default('https://{account}.blob.core.windows.net'),
  /** For accounts without Entra ID; otherwise the pod's identity. */
  AZURE_STORAGE_KEY: z.string().optional(),
})

export const settingsSchema = settingsShape.superRefine((settings, context) => {
  const refuse = (name: keyof typeof settings, message: string) =>
    context.addIssue({ code: 'custom', path: [name], message })
  const { DATABASE_PASSWORD: password, DATABASE_PASSWORD_FILE: file } = settings
  if (password !== undefined && file !== undefined)
    refuse('DATABASE_PASSWORD_FILE', 'expected only one of it and DATABASE_PASSWORD')
  if (settings.DATABASE_AUTHENTICATION !== 'password' && (password ?? file) !== undefined)
    refuse('DATABASE_AUTHENTICATION', 'expected no password beside it')
})
export type Settings = z.output<typeof settingsSchema>

type DatabaseUrl =
  | { readonly kind: 'sqlite'; readonly file: string }
  | {
      readonly kind: 'postgres' | 'mssql'
      readonly host: string
      readonly port: number
      readonly user: string
      readonly database: string
    }

function parseDatabaseUrl(text: string, context: z.RefinementCtx): DatabaseUrl {
  const refuse = (message: string): never => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  if (text.startsWith('sqlite:') && text.length > 'sqlite:'.length)
    return { kind: 'sqlite', file: text.slice('sqlite:'.length) }
  const url = URL.canParse(text) ? new URL(text) : undefined
  const kinds = { 'postgres:': 'postgres', 'postgresql:': 'postgres', 'mssql:': 'mssql' } as const
  const kind = Object.entries(kinds).find(([protocol]) => protocol === url?.protocol)?.[1]
  const database = decodeURIComponent(url?.pathname.slice(1) ?? '')
  if (url === undefined || kind === undefined || database === '')
    return refuse(
      'expected sqlite:/FILE, postgres://USER@HOST:PORT/DATABASE or mssql://USER@HOST:PORT/DATABASE',
    )
  if (url.password !== '') return refuse('holds a password: put it into DATABASE_PASSWORD')
  return {
    kind,
    host: url.hostname,
    port: Number(url.port) || (kind === 'postgres' ? 5432 : 1433),
    user: decodeURIComponent(url.username),
    database,
  }
}
