import type { Cloud, CloudName } from '../clouds/cloud.ts'
import type { CloudOptions } from '../clouds/cloud-options.ts'
import type { Target } from '../clouds/target.ts'
import { configuredClouds, homeCloud } from '../config/configured-clouds.ts'
import { platformId } from '../config/names.ts'
import type { Config } from '../config/schema.ts'
import type { RecordStore } from '../engine/record-store.ts'

/** Each adapter brings its SDK, so each is loaded only when its cloud is configured. */
const adapters: Readonly<Record<CloudName, () => Promise<(options: CloudOptions) => Cloud>>> = {
  aws: async () => (await import('../clouds/aws/aws-cloud.ts')).createAwsCloud,
  gcp: async () => (await import('../clouds/gcp/gcp-cloud.ts')).createGcpCloud,
  azure: async () => (await import('../clouds/azure/azure-cloud.ts')).createAzureCloud,
}

/** The adapters of the configured clouds, or of those in `only`. */
export async function createClouds(
  config: Config,
  target: Target,
  only: readonly CloudName[] | undefined,
): Promise<ReadonlyMap<CloudName, Cloud>> {
  const names = configuredClouds(config).filter(name => only === undefined || only.includes(name))
  const clouds = await Promise.all(
    names.map(async name => {
      const create = await adapters[name]()
      const cloudTarget = target.clouds[name] ?? {
        account: accountOf(config, name),
        environment: {},
        endpoints: {},
        backend: {},
      }
      return [
        name,
        create({ config, target: cloudTarget, caFile: target.caFile, platformId: platformId(config) }),
      ] as const
    }),
  )
  return new Map(clouds)
}

/** Where the record of the platform lies; `clouds` are those that are open already. */
export async function openRecord(
  config: Config,
  target: Target,
  clouds: ReadonlyMap<CloudName, Cloud> = new Map(),
): Promise<RecordStore> {
  const home = homeCloud(config)
  const cloud = clouds.get(home) ?? (await createClouds(config, target, [home])).get(home)
  if (cloud === undefined) throw new Error(`no adapter was made for ${home}`)
  return cloud.record()
}

/** The account, project or subscription that mlp.yaml names. */
export function accountOf(config: Config, name: CloudName): string {
  switch (name) {
    case 'aws':
      return config.clouds.aws?.accountId ?? ''
    case 'gcp':
      return config.clouds.gcp?.projectId ?? ''
    case 'azure':
      return config.clouds.azure?.subscriptionId ?? ''
  }
}
