import * as z from 'zod'
import type { Cloud, Identity, RootName } from '../cloud.ts'
import type { CloudOptions } from '../cloud-options.ts'
import { sharedWhilePending } from '../while-pending.ts'
import { auditLog } from './audit-log.ts'
import { backupService } from './backups.ts'
import { infrastructureChecks } from './checks.ts'
import { clusterAccess } from './cluster.ts'
import { condition } from './condition.ts'
import { dnsService } from './dns.ts'
import { findExisting, projectNumber } from './existing.ts'
import { inventory } from './inventory.ts'
import { missingPeerTrust, peerSettings, tokenIssuer } from './peers.ts'
import { createPlatform, type GcpPlatform } from './platform.ts'
import { policy } from './policy.ts'
import { missingPreparations, preparations, prepare } from './preparation.ts'
import { quotas } from './quotas.ts'
import { recordStore } from './record.ts'
import { registry, registryHost } from './registry.ts'
import { releaseData } from './release.ts'
import { rootBackend, rootVariables, storageClass, workloadIdentity } from './roots.ts'
import { serviceSettings } from './service-settings.ts'
import { staticCredentials } from './static-credentials.ts'

/** Google Cloud as mlp sees it. Loads Google's libraries on first use; throws what Cloud promises. */
export function createGcpCloud(options: CloudOptions): Cloud {
  const platform = createPlatform(options)
  return {
    name: 'gcp',
    title: 'Google Cloud',
    region: platform.region,
    identity: signal => identity(platform, signal),
    quotas: (needs, signal) => quotas(platform, needs, signal),
    // Loaded when it is asked: most runs ask no price.
    prices: async signal => (await import('./prices.ts')).prices(platform, signal),
    budget: async signal => (await import('./budget.ts')).budget(platform, signal),
    missingPreparations: signal => missingPreparations(platform, signal),
    prepare: (signal, report) => prepare(platform, signal, report),
    preparations: signal => preparations(platform, signal),
    backend: root => rootBackend(platform, root),
    record: () => recordStore(platform),
    terraformEnvironment: (root, signal) => terraformEnvironment(platform, root, signal),
    variables: (root, foundation) => rootVariables(platform, root, foundation),
    federationFacts: async () => ({}),
    missingTrust: async signal => (await import('./federation.ts')).missingTrust(platform, signal),
    findExisting: (resource, signal) => findExisting(platform, resource, signal),
    condition: (resource, signal) => condition(platform, resource, signal),
    cluster: sharedWhilePending(signal => clusterAccess(platform, signal)),
    policy: () => policy(platform),
    // GKE takes Google access tokens as they are.
    token: async (_clusterName, signal) => platform.credentials.accessToken(signal),
    // As `gcloud container clusters get-credentials` writes it.
    tokenPlugin: () => ({
      command: 'gke-gcloud-auth-plugin',
      args: [],
      installHint: 'gcloud components install gke-gcloud-auth-plugin',
    }),
    registry: signal => registry(platform, signal),
    repository: service =>
      `${registryHost(platform)}/${platform.project}/${platform.names.registry}/${service}`,
    bucketAddress: bucket => `gs://${platform.names.buckets[bucket]}`,
    infrastructureChecks: () => infrastructureChecks(platform),
    workloadIdentity: () => workloadIdentity(platform),
    serviceSettings,
    tokenIssuer,
    peerSettings: (outputs, peer) => peerSettings(platform, outputs, peer),
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

const tokenInfo = z.object({
  email: z.string().optional(),
  sub: z.string().optional(),
  azp: z.string().optional(),
})

async function identity(platform: GcpPlatform, signal: AbortSignal): Promise<Identity> {
  const { rest, credentials, project } = platform
  const { token } = await credentials.accessToken(signal)
  const [info] = await Promise.all([
    rest.call(
      { service: 'oauth2', path: '/tokeninfo', query: { access_token: token }, answer: tokenInfo },
      signal,
    ),
    // Proves that the project is there and that these credentials may see it.
    projectNumber(rest, project, signal),
  ])
  return {
    principal: info.email ?? info.sub ?? info.azp ?? 'unknown',
    account: project,
    // By themselves or, for tools that cannot, by mlp, which gives each a new token.
    validity: { kind: 'renewed' },
  }
}

/** An access token only for tools that could not find these credentials and renew them by themselves. */
async function terraformEnvironment(
  platform: GcpPlatform,
  root: RootName,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const { credentials, project, options } = platform
  const base = {
    ...options.target.environment,
    GOOGLE_PROJECT: project,
    // Of the roots, this one has the budget.
    ...(root === 'foundation' ? await budgetEnvironment(platform, signal) : {}),
  }
  if (await credentials.foundByTools()) return base
  return { ...base, GOOGLE_OAUTH_ACCESS_TOKEN: (await credentials.accessToken(signal)).token }
}

/**
 * Whether a budget can be made is asked before terraform would find out in its middle. The API of budgets takes a
 * person's credentials only with a project that answers for the call.
 */
async function budgetEnvironment(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  if (platform.config.budget === undefined) return {}
  const { budgetObstacle } = await import('./budget.ts')
  const may = (await budgetObstacle(platform, signal)) === undefined
  return {
    TF_VAR_may_make_budget: String(may),
    ...(may ? { USER_PROJECT_OVERRIDE: 'true', GOOGLE_BILLING_PROJECT: platform.project } : {}),
  }
}
