import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { sharedSettings, wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import type { StoreOptions } from './repository/stores/object.ts'

/** What the environment says. The sample models are served where it does not say what else. */
export const settingsSchema = sharedSettings(8080).extend({
  /** Of gRPC; 0 takes any free port. */
  GRPC_PORT: wholeNumber(0, 65_535).default(8081),
  /** The catalogue of models: a path, or file:, s3:, gs: or az: with the rest. */
  MODELS: z
    .string()
    .min(1)
    .default(join(import.meta.dirname, '../models/models.json')),
  /** Where fetched models are kept; they are checked again each time they are loaded. */
  CACHE_DIR: z.string().min(1).default('/tmp/models'),
  /** How often to look for changes to the catalogue and for models that failed to load; 0 is never. */
  REFRESH_SECONDS: wholeNumber(0, 86_400).default(60),
  MAX_BODY_BYTES: wholeNumber(1024, 1 << 30).default(16 << 20),
  /** Processors that one operator of a model with a thread of its own may use. */
  PROCESSORS: wholeNumber(1, 1024).default(availableParallelism()),
  /** Allows whoever bears it to load and unload models. Without it, nobody may. */
  REPOSITORY_TOKEN: z.string().min(16).optional(),
  /** MLflow's tracking server, for models whose source is models:/name@alias or models:/name/version. */
  MLFLOW_TRACKING_URI: z.url({ protocol: /^https?$/ }).optional(),
  MLFLOW_TRACKING_TOKEN: z.string().min(1).optional(),
  /** Other stores than the clouds' own, under the names that data-sync has for them. */
  AWS_ENDPOINT_URL_S3: z.url().optional(),
  S3_FORCE_PATH_STYLE: z.enum(['true', 'false']).default('false'),
  GCS_ENDPOINT: z.url().default('https://storage.googleapis.com'),
  STORAGE_EMULATOR_HOST: z.url().optional(),
  AZURE_STORAGE_ENDPOINT: z
    .string()
    .regex(/^https?:/, 'expected a URL')
    .default('https://{account}.blob.core.windows.net'),
  AZURE_STORAGE_KEY: z.string().min(1).optional(),
})
export type Settings = z.output<typeof settingsSchema>

export function storeOptions(settings: Settings): StoreOptions {
  return {
    s3: { endpoint: settings.AWS_ENDPOINT_URL_S3, forcePathStyle: settings.S3_FORCE_PATH_STYLE === 'true' },
    gcs: {
      endpoint: settings.STORAGE_EMULATOR_HOST ?? settings.GCS_ENDPOINT,
      anonymous: settings.STORAGE_EMULATOR_HOST !== undefined,
    },
    azure: { endpoint: settings.AZURE_STORAGE_ENDPOINT, accountKey: settings.AZURE_STORAGE_KEY },
  }
}
