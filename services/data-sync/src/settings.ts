import { sharedSettings, wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import { smallestPartBytes } from './copy/parts.ts'
import { databaseSettings } from './database/settings.ts'
import type { StoresOptions } from './stores/open-stores.ts'

const mebibyte = 1_048_576
const hourMs = 3_600_000
/** An object that travels whole, and what its request takes. */
const smallestBudgetMiB = smallestPartBytes / mebibyte + 1

/** Less where the process may take little: beside content there is the program, and what the collector is behind with. */
function defaultBudgetMiB(): number {
  const limitMiB = process.constrainedMemory() / mebibyte
  return Math.max(smallestBudgetMiB, Math.min(64, Math.floor((limitMiB - 128) / 4)))
}

/** How the stores are reached; also for the other programs of this image. */
export const storeSettings = {
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
}

type StoreSettings = z.output<z.ZodObject<typeof storeSettings>>

export function storesOptions(settings: StoreSettings, connections: number): StoresOptions {
  return {
    connections,
    s3: { endpoint: settings.AWS_ENDPOINT_URL_S3, forcePathStyle: settings.S3_FORCE_PATH_STYLE === 'true' },
    gcs: {
      endpoint: settings.STORAGE_EMULATOR_HOST ?? settings.GCS_ENDPOINT,
      anonymous: settings.STORAGE_EMULATOR_HOST !== undefined,
    },
    azure: { endpoint: settings.AZURE_STORAGE_ENDPOINT, accountKey: settings.AZURE_STORAGE_KEY },
  }
}

const settingsShape = sharedSettings(8081).extend({
  ...databaseSettings,

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

  ...storeSettings,
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
