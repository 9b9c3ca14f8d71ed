import type { Cloud, RootName, TerraformBackend } from '../cloud.ts'
import type { CloudOptions } from '../cloud-options.ts'
import { isGitHubJob } from '../github-identity.ts'
import { sharedWhilePending } from '../while-pending.ts'
import { auditLog } from './audit-log.ts'
import { backupService } from './backups.ts'
import { infrastructureChecks } from './checks.ts'
import { aksServer, clusterAccess, clusterToken } from './cluster.ts'
import { condition } from './condition.ts'
import { dnsService } from './dns.ts'
import { findExisting } from './existing.ts'
import { identity } from './identity.ts'
import { inventory } from './inventory.ts'
import { missingPeerTrust, peerSettings, tokenIssuer } from './peers.ts'
import { type AzurePlatform, createPlatform } from './platform.ts'
import { policy } from './policy.ts'
import { missingPreparations, preparations, prepare, usesSharedKey } from './preparation.ts'
import { quotas } from './quotas.ts'
import { breakLease, recordStore } from './record.ts'
import { registry, registryHost } from './registry.ts'
import { releaseData } from './release-data.ts'
import { serviceSettings } from './service-settings.ts'
import { staticCredentials } from './static-credentials.ts'
import { azureVariables } from './variables.ts'
import { storageClass, workloadIdentity } from './workload-identity.ts'

/** Azure as mlp sees it. Loads Azure's libraries on first use; throws what Cloud promises. */
export function createAzureCloud(options: CloudOptions): Cloud {
  const platform = createPlatform(options)
  return {
    name: 'azure',
    title: 'Azure',
    region: platform.location,
    identity: signal => identity(platform, signal),
    policy: () => policy(platform),
    quotas: (needs, signal) => quotas(platform, needs, signal),
    // Loaded when it is asked: most runs ask no price.
    prices: async signal => (await import('./prices.ts')).prices(platform, signal),
    budget: async signal => (await import('./budget.ts')).budget(platform, signal),
    missingPreparations: signal => missingPreparations(platform, signal),
    prepare: (signal, report) => prepare(platform, signal, report),
    preparations: signal => preparations(platform, signal),
    backend: root => backend(platform, root),
    record: () => recordStore(platform),
    terraformEnvironment: async () => terraformEnvironment(platform),
    variables: (root, foundation) => azureVariables(root, options.config, options.platformId, foundation),
    federationFacts: async () => ({}),
    missingTrust: async signal => (await import('./federation.ts')).missingTrust(platform, signal),
    findExisting: (resource, signal) => findExisting(platform, resource, signal),
    condition: (resource, signal) => condition(platform, resource, signal),
    cluster: sharedWhilePending(signal => clusterAccess(platform, signal)),
    // Entra issues one token for all AKS clusters; Azure RBAC decides in each.
    token: (_clusterName, signal) => clusterToken(platform, signal),
    // As `kubelogin convert-kubeconfig --login azurecli` writes it.
    tokenPlugin: () => ({
      command: 'kubelogin',
      args: ['get-token', '--login', 'azurecli', '--server-id', aksServer],
      installHint: 'az aks install-cli',
    }),
    registry: signal => registry(platform, signal),
    repository: service => `${registryHost(platform)}/${service}`,
    bucketAddress: bucket => `azure://${platform.names.storageAccount}/${platform.names.containers[bucket]}`,
    infrastructureChecks: () => infrastructureChecks(platform),
    workloadIdentity: outputs => workloadIdentity(platform, outputs),
    serviceSettings: (workload, outputs) => serviceSettings(platform, workload, outputs),
    tokenIssuer,
    peerSettings,
    missingPeerTrust: (peers, signal) => missingPeerTrust(platform, peers, signal),
    staticCredentials: () => staticCredentials(options.target),
    dns: () => dnsService(platform),
    backups: () => backupService(platform),
    auditLog: () => auditLog(platform),
    storageClass: () => storageClass,
    inventory: signal => inventory(platform, signal),
    releaseData: (choice, signal, report) => releaseData(platform, choice, signal, report),
  }
}

function backend(platform: AzurePlatform, root: RootName): TerraformBackend {
  const { names, subscriptionId, options } = platform
  const key = `${root}.tfstate`
  return {
    type: 'azurerm',
    config: {
      subscription_id: subscriptionId,
      resource_group_name: names.stateResourceGroup,
      storage_account_name: names.stateStorageAccount,
      container_name: names.stateContainer,
      key,
      // Without a key in the environment, terraform signs in to the state as whoever runs mlp.
      ...(usesSharedKey(platform) ? {} : { use_azuread_auth: true }),
      ...options.target.backend,
    },
    freeUnnamedLock: signal => breakLease(platform, key, signal),
  }
}

/** terraform knows the SDK's variables under names of its own. */
function terraformEnvironment({ options, subscriptionId }: AzurePlatform): Readonly<Record<string, string>> {
  const { environment } = options.target
  const renamed = Object.entries({
    ARM_TENANT_ID: environment['AZURE_TENANT_ID'],
    ARM_CLIENT_ID: environment['AZURE_CLIENT_ID'],
    ARM_CLIENT_SECRET: environment['AZURE_CLIENT_SECRET'],
  }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const job =
    environment['AZURE_CLIENT_SECRET'] === undefined && isGitHubJob() && process.env['AZURE_CLIENT_ID']
      ? { ARM_USE_OIDC: 'true', ARM_CLIENT_ID: process.env['AZURE_CLIENT_ID'] }
      : {}
  return { ...environment, ...Object.fromEntries(renamed), ...job, ARM_SUBSCRIPTION_ID: subscriptionId }
}
