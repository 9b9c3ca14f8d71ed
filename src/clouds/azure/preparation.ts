import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Leftover } from '../../engine/events.ts'
import { tookTooLongError } from './errors.ts'
import { tokenOwner } from './identity.ts'
import type { AzurePlatform } from './platform.ts'
import { isDenied } from './record.ts'
import { builtInRoles } from './roles.ts'
import { stateIds, storageApiVersion } from './state-place.ts'

/** Namespaces of everything in templates/terraform/azure; a subscription has to register each once. */
const resourceProviders = [
  'Microsoft.Cache',
  'Microsoft.Compute',
  'Microsoft.ContainerRegistry',
  'Microsoft.ContainerService',
  'Microsoft.DBforPostgreSQL',
  'Microsoft.Insights',
  'Microsoft.KeyVault',
  'Microsoft.ManagedIdentity',
  'Microsoft.Network',
  'Microsoft.OperationalInsights',
  'Microsoft.Sql',
  'Microsoft.Storage',
] as const

/** What counts a subscription's costs, where mlp.yaml has a budget. */
function providersOf({ options }: AzurePlatform): readonly string[] {
  return options.config.budget === undefined
    ? resourceProviders
    : [...resourceProviders, 'Microsoft.Consumption']
}

const registrationMinutes = 15
const provider = z.object({ registrationState: z.string() })
const exists = z.object({ id: z.string() })
const account = z.object({ properties: z.object({ allowSharedKeyAccess: z.boolean().optional() }) })
const blobService = z.object({ properties: z.object({ isVersioningEnabled: z.boolean().default(false) }) })

const versions = {
  groups: '2024-03-01',
  roles: '2022-04-01',
  providers: '2024-03-01',
} as const

export async function missingPreparations(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const arm = await platform.arm()
  const { group, storage, container } = stateIds(platform)
  const [unregistered, hasGroup, hasAccount, service, hasContainer, isLockedOut] = await Promise.all([
    unregisteredProviders(platform, signal),
    arm.get(group, versions.groups, exists, signal),
    arm.get(storage, storageApiVersion, account, signal),
    arm.get(`${storage}/blobServices/default`, storageApiVersion, blobService, signal),
    arm.get(container, storageApiVersion, exists, signal),
    // Whoever made the place got a role on it; the next operator has none yet.
    usesSharedKey(platform) ? false : isDenied(platform, signal),
  ])
  return [
    ...unregistered.map(name => `resource provider ${name}`),
    ...(hasGroup ? [] : [`resource group ${platform.names.stateResourceGroup}`]),
    ...(hasAccount ? [] : [`storage account ${platform.names.stateStorageAccount}`]),
    ...(hasAccount && service?.properties.isVersioningEnabled !== true
      ? ['versioning of the state storage account']
      : []),
    ...(hasContainer ? [] : [`container ${platform.names.stateContainer}`]),
    ...(isLockedOut ? ['a role to write the state, for this identity'] : []),
  ]
}

/** Registers resource providers and makes the place for terraform's state: versioned, tagged, private. */
export async function prepare(
  platform: AzurePlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<readonly Leftover[]> {
  const arm = await platform.arm()
  await registerProviders(platform, signal, report)
  const { group, storage, container } = stateIds(platform)
  const { location } = platform
  report(`state storage account ${platform.names.stateStorageAccount}`)
  await arm.put(group, versions.groups, { location, tags: platform.tags() }, signal)
  if ((await arm.get(storage, storageApiVersion, account, signal)) === undefined)
    await arm.put(storage, storageApiVersion, stateAccount(platform), signal)
  await untilProvisioned(platform, storage, signal)
  await arm.put(`${storage}/blobServices/default`, storageApiVersion, protectedBlobs, signal)
  await arm.put(container, storageApiVersion, { properties: { publicAccess: 'None' } }, signal)
  if (!usesSharedKey(platform)) {
    await letCallerWriteState(platform, storage, signal)
    await untilRoleWorks(platform, signal, report)
  }
  return preparations(platform, signal)
}

/** What stays after a teardown: the state's storage. Resource providers cost nothing and may serve others. */
export async function preparations(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<readonly Leftover[]> {
  const arm = await platform.arm()
  const { group, storage } = stateIds(platform)
  const [hasGroup, hasAccount] = await Promise.all([
    arm.get(group, versions.groups, exists, signal),
    arm.get(storage, storageApiVersion, exists, signal),
  ])
  const leftover = (type: string, id: string, name: string): Leftover => ({
    cloud: 'azure',
    type,
    id,
    name,
    reason: 'holds the terraform state, which proves what was made',
  })
  return [
    ...(hasGroup ? [leftover('azurerm_resource_group', group, platform.names.stateResourceGroup)] : []),
    ...(hasAccount ? [leftover('azurerm_storage_account', storage, platform.names.stateStorageAccount)] : []),
  ]
}

/** Terraform reaches the state with the account's key where the target gives one, else as whoever runs mlp. */
export function usesSharedKey(platform: AzurePlatform): boolean {
  return platform.options.target.environment['ARM_ACCESS_KEY'] !== undefined
}

function stateAccount(platform: AzurePlatform): object {
  return {
    location: platform.location,
    tags: platform.tags(),
    kind: 'StorageV2',
    sku: { name: platform.options.config.environment === 'prod' ? 'Standard_ZRS' : 'Standard_LRS' },
    properties: {
      minimumTlsVersion: 'TLS1_2',
      supportsHttpsTrafficOnly: true,
      allowBlobPublicAccess: false,
      allowSharedKeyAccess: usesSharedKey(platform),
      defaultToOAuthAuthentication: true,
    },
  }
}

const protectedBlobs = {
  properties: {
    isVersioningEnabled: true,
    deleteRetentionPolicy: { enabled: true, days: 30 },
    containerDeleteRetentionPolicy: { enabled: true, days: 30 },
  },
}

async function unregisteredProviders(
  platform: AzurePlatform,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const arm = await platform.arm()
  const states = await Promise.all(
    providersOf(platform).map(async name => {
      const found = await arm.get(
        `/subscriptions/${platform.subscriptionId}/providers/${name}`,
        versions.providers,
        provider,
        signal,
      )
      return { name, registered: found?.registrationState === 'Registered' }
    }),
  )
  return states.filter(({ registered }) => !registered).map(({ name }) => name)
}

async function registerProviders(
  platform: AzurePlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const arm = await platform.arm()
  let waiting = await unregisteredProviders(platform, signal)
  for (const name of waiting)
    await arm.post(
      `/subscriptions/${platform.subscriptionId}/providers/${name}/register`,
      versions.providers,
      signal,
    )
  const deadline = Date.now() + registrationMinutes * 60_000
  for (let pauseMs = 200; waiting.length > 0; pauseMs = Math.min(pauseMs * 2, 10_000)) {
    waiting = await unregisteredProviders(platform, signal)
    if (waiting.length === 0) return
    if (Date.now() > deadline)
      throw tookTooLongError(`registering ${waiting.join(', ')}`, registrationMinutes)
    report(`waiting for ${waiting.length} resource providers: ${waiting.join(', ')}`)
    await sleep(pauseMs, undefined, { signal })
  }
}

const provisioning = z.object({ properties: z.object({ provisioningState: z.string().optional() }) })

/** Storage accounts answer a PUT before they can be used. */
async function untilProvisioned(
  platform: AzurePlatform,
  storage: string,
  signal: AbortSignal,
): Promise<void> {
  const arm = await platform.arm()
  const minutes = 5
  const deadline = Date.now() + minutes * 60_000
  for (;;) {
    const found = await arm.get(storage, storageApiVersion, provisioning, signal)
    if (found?.properties.provisioningState === 'Succeeded') return
    if (Date.now() > deadline) throw tookTooLongError(`creating ${storage}`, minutes)
    await sleep(1000, undefined, { signal })
  }
}

/** With shared keys off, whoever runs terraform needs a data role on the state; the same name in every run. */
async function letCallerWriteState(
  platform: AzurePlatform,
  storage: string,
  signal: AbortSignal,
): Promise<void> {
  const arm = await platform.arm()
  const { oid } = await tokenOwner(platform, signal)
  const path = `${storage}/providers/Microsoft.Authorization/roleAssignments/${stableUuid(`${storage}/${oid}`)}`
  if ((await arm.get(path, versions.roles, exists, signal)) !== undefined) return
  await arm.put(
    path,
    versions.roles,
    {
      properties: {
        principalId: oid,
        roleDefinitionId: `/subscriptions/${platform.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/${builtInRoles.storageBlobDataContributor}`,
      },
    },
    signal,
  )
}

/**
 * Azure needs up to ten minutes until a new role is known everywhere.
 * https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
 */
async function untilRoleWorks(
  platform: AzurePlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const minutes = 15
  const deadline = Date.now() + minutes * 60_000
  for (let pauseMs = 1_000; await isDenied(platform, signal); pauseMs = Math.min(pauseMs * 2, 15_000)) {
    if (Date.now() > deadline) throw tookTooLongError('letting this identity write the state', minutes)
    report('waiting until Azure lets this identity write the state')
    await sleep(pauseMs, undefined, { signal })
  }
}

function stableUuid(text: string): string {
  const hex = createHash('sha256').update(text.toLowerCase()).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
