import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { sharedSettings, wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'

/** What the environment says. The sample models are served where it does not say what else. */
export const settingsSchema = sharedSettings(8080).extend({
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
})
export type Settings = z.output<typeof settingsSchema>
