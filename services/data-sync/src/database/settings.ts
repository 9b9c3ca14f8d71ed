import * as z from 'zod'

const path = z.string().startsWith('/', 'expected an absolute path')
/** A name that SQL takes without quotes. */
export const plainName = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/, 'expected a-z, 0-9 and _')

/** Where the database is, and how to get in. */
export const databaseSettings = {
  /** `sqlite:/folder/file`, `postgres://USER@HOST:PORT/DATABASE` or `mssql://USER@HOST:PORT/DATABASE`. */
  DATABASE_URL: z.string().transform(parseDatabaseUrl),
  /** Never in the URL, which may be shown. */
  DATABASE_PASSWORD: z.string().optional(),
  /** A file with it instead, read anew for each connection: a password that is replaced needs no restart. */
  DATABASE_PASSWORD_FILE: path.optional(),
  /** Where passwords come from: the variable above, or short-lived tokens of the cloud's identity. */
  DATABASE_AUTHENTICATION: z.enum(['password', 'aws-iam', 'google-iam', 'entra']).default('password'),
  /** PostgreSQL: the schema of this service's tables, where it is not the user's own choice. */
  DATABASE_SCHEMA: plainName.optional(),
  /** `off` only for a database on the same machine, or behind a proxy that encrypts. */
  DATABASE_TLS: z.enum(['verify', 'off']).default('verify'),
  /** PEM of further authorities that may sign the server's certificate, beside the system's: RDS's, Cloud SQL's. */
  DATABASE_CA_FILE: path.optional(),
  /** The name in the server's certificate, where it is not the host's: Cloud SQL by its private address. */
  DATABASE_TLS_NAME: z.string().min(1).optional(),
}

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
