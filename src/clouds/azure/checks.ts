import * as z from 'zod'
import type { Finding } from '../../engine/check.ts'
import type { CloudCheck } from '../cloud.ts'
import type { AzurePlatform } from './platform.ts'

const remedy = ['mlp bootstrap --cloud azure --to 1']
const named = z.object({ name: z.string() })
const state = (field: string) =>
  z
    .object({ properties: z.record(z.string(), z.unknown()) })
    .transform(({ properties }) => String(properties[field]))

/** The guide's Step 6, asked of Resource Manager. */
export function infrastructureChecks(platform: AzurePlatform): readonly CloudCheck[] {
  const { names, options, resourceGroupId } = platform
  const inGroup = (path: string) => `${resourceGroupId}/providers/${path}`
  const inState = (what: string, path: string, apiVersion: string, field: string, wanted: string) => ({
    async run(signal: AbortSignal): Promise<Finding> {
      const arm = await platform.arm()
      const found = await arm.get(inGroup(path), apiVersion, state(field), signal)
      if (found === undefined) return { status: 'fail', detail: `${what} does not exist`, remedy }
      return found === wanted
        ? { status: 'pass', detail: `${what} is ${found}` }
        : { status: 'fail', detail: `${what} is ${found}, not ${wanted}`, remedy }
    },
  })
  const account = `Microsoft.Storage/storageAccounts/${names.storageAccount}`
  return [
    {
      name: 'cluster',
      title: 'AKS cluster is there and ready',
      why: 'Everything that runs on Azure runs in this cluster.',
      ...inState(
        `cluster ${names.cluster}`,
        `Microsoft.ContainerService/managedClusters/${names.cluster}`,
        '2025-05-01',
        'provisioningState',
        'Succeeded',
      ),
    },
    {
      name: 'buckets',
      title: 'Storage account and its containers are there',
      why: 'Models, data and logs are kept in them.',
      async run(signal) {
        const arm = await platform.arm()
        const found = await arm.get(inGroup(account), '2024-01-01', state('provisioningState'), signal)
        if (found !== 'Succeeded')
          return {
            status: 'fail',
            detail: `storage account ${names.storageAccount} is ${found ?? 'missing'}`,
            remedy,
          }
        const containers = await arm.list(
          inGroup(`${account}/blobServices/default/containers`),
          '2024-01-01',
          named,
          signal,
        )
        const missing = Object.values(names.containers).filter(
          name => !containers.some(one => one.name === name),
        )
        return missing.length === 0
          ? {
              status: 'pass',
              detail: `${names.storageAccount} holds ${Object.values(names.containers).join(', ')}`,
            }
          : { status: 'fail', detail: `${names.storageAccount} lacks ${missing.join(', ')}`, remedy }
      },
    },
    {
      name: 'database',
      title:
        options.config.database.engine === 'azure-sql'
          ? 'Azure SQL Database is online'
          : 'PostgreSQL server is ready',
      why: 'The services keep their records in it.',
      ...(options.config.database.engine === 'azure-sql'
        ? inState(
            `database ${names.databaseName}`,
            `Microsoft.Sql/servers/${names.sqlServer}/databases/${names.databaseName}`,
            '2021-11-01',
            'status',
            'Online',
          )
        : inState(
            `server ${names.database}`,
            `Microsoft.DBforPostgreSQL/flexibleServers/${names.database}`,
            '2024-08-01',
            'state',
            'Ready',
          )),
    },
    {
      name: 'cache',
      title: 'Azure Managed Redis is running',
      why: 'The gateway and model serving keep hot data in it.',
      ...inState(
        `cache ${names.cache}`,
        `Microsoft.Cache/redisEnterprise/${names.cache}`,
        '2025-04-01',
        'resourceState',
        'Running',
      ),
    },
    {
      name: 'registry',
      title: 'Container registry is there',
      why: 'Nodes pull the platform’s images from it.',
      ...inState(
        `registry ${names.registry}`,
        `Microsoft.ContainerRegistry/registries/${names.registry}`,
        '2023-07-01',
        'provisioningState',
        'Succeeded',
      ),
    },
  ]
}
