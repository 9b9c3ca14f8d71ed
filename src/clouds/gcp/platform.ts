import { type GcpNames, gcpNames, platformIdKey } from '../../config/names.ts'
import type { Config, GcpConfig } from '../../config/schema.ts'
import type { CloudOptions } from '../cloud-options.ts'
import { type GoogleCredentials, openCredentials } from './auth.ts'
import { createRest, type GoogleRest } from './rest.ts'

/** What every part of the adapter works with. */
export interface GcpPlatform {
  readonly config: Config
  readonly settings: GcpConfig
  readonly names: GcpNames
  readonly project: string
  readonly region: string
  readonly platformId: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: CloudOptions
  readonly credentials: GoogleCredentials
  readonly rest: GoogleRest
}

export function createPlatform(options: CloudOptions): GcpPlatform {
  const settings = options.config.clouds.gcp
  if (settings === undefined) throw new Error('createGcpCloud needs clouds.gcp in the configuration')
  const credentials = openCredentials(options.target)
  return {
    config: options.config,
    settings,
    names: gcpNames(options.config),
    project: options.target.account,
    region: settings.region,
    platformId: options.platformId,
    labels: {
      [platformIdKey.gcp]: options.platformId,
      project: labelValue(options.config.project),
      environment: options.config.environment,
      owner: labelValue(options.config.owner),
    },
    options,
    credentials,
    rest: createRest(options.target, credentials),
  }
}

/** Google's label values: at most 63 lower-case letters, digits, hyphens and underscores. */
export function labelValue(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .slice(0, 63)
}

export function serviceAccountEmail(platform: GcpPlatform, id: string): string {
  return `${id}@${platform.project}.iam.gserviceaccount.com`
}
