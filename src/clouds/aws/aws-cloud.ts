import {
  type Cloud,
  namespaceOf,
  type RootName,
  type TerraformBackend,
  type WorkloadIdentity,
} from '../cloud.ts'
import type { CloudOptions } from '../cloud-options.ts'
import { sharedWhilePending } from '../while-pending.ts'
import { auditLog } from './audit-log.ts'
import { backupService } from './backups.ts'
import { infrastructureChecks } from './checks.ts'
import { cluster, identity, token } from './cluster.ts'
import { condition } from './condition.ts'
import { dnsService } from './dns.ts'
import { findExisting } from './existing.ts'
import { inventory } from './inventory.ts'
import { missingPeerTrust, peerSettings, tokenIssuer } from './peers.ts'
import { type AwsPlatform, awsPlatform } from './platform.ts'
import { policy } from './policy.ts'
import { missingPreparations, preparations, prepare } from './preparation.ts'
import { quotas } from './quotas.ts'
import { recordStore } from './record.ts'
import { registry, registryHost } from './registry.ts'
import { releaseData } from './release-data.ts'
import { serviceSettings } from './service-settings.ts'
import { staticCredentials } from './static-credentials.ts'
import { rootVariables } from './variables.ts'
import { webIdentity } from './web-identity.ts'

/** AWS behind the Cloud contract. Nothing is asked of AWS, and no SDK is loaded, before a method is called. */
export function createAwsCloud(options: CloudOptions): Cloud {
  const platform = awsPlatform(options)
  return {
    name: 'aws',
    title: 'AWS',
    region: platform.aws.region,
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
    terraformEnvironment: () => terraformEnvironment(platform),
    variables: (root, foundation) => rootVariables(root, options.config, options.platformId, foundation),
    federationFacts: async signal => (await import('./federation.ts')).federationFacts(platform, signal),
    missingTrust: async signal => (await import('./federation.ts')).missingTrust(platform, signal),
    findExisting: (resource, signal) => findExisting(platform, resource, signal),
    condition: (resource, signal) => condition(platform, resource, signal),
    cluster: sharedWhilePending(signal => cluster(platform, signal)),
    token: clusterName => token(platform, clusterName),
    // As `aws eks update-kubeconfig` writes it.
    tokenPlugin: clusterName => ({
      command: 'aws',
      args: [
        ...['--region', platform.aws.region, 'eks', 'get-token'],
        ...['--cluster-name', clusterName, '--output', 'json'],
      ],
      installHint:
        'Install the AWS CLI: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html',
    }),
    registry: signal => registry(platform, signal),
    repository: service => `${registryHost(platform)}/${platform.names.repositories[service]}`,
    bucketAddress: bucket => `s3://${platform.names.buckets[bucket]}`,
    infrastructureChecks: () => infrastructureChecks(platform),
    workloadIdentity: () => workloadIdentity(platform),
    serviceSettings: (workload, outputs) => serviceSettings(platform, workload, outputs),
    tokenIssuer,
    peerSettings: (outputs, peer) => peerSettings(platform, outputs, peer),
    missingPeerTrust: (peers, signal) => missingPeerTrust(platform, peers, signal),
    staticCredentials: () => staticCredentials(platform),
    dns: () => dnsService(platform),
    backups: () => backupService(platform),
    auditLog: () => auditLog(platform),
    storageClass: () => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: {
        name: 'mlp-default',
        annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
      },
      provisioner: 'ebs.csi.aws.com',
      parameters: { type: 'gp3', encrypted: 'true' },
      reclaimPolicy: 'Delete',
      allowVolumeExpansion: true,
      // A volume belongs to one zone: wait until the pod has one.
      volumeBindingMode: 'WaitForFirstConsumer',
    }),
    inventory: signal => inventory(platform, signal),
    releaseData: (data, signal, report) => releaseData(platform, data, signal, report),
  }
}

/** A job of GitHub's has what terraform cannot ask for by itself. */
async function terraformEnvironment({ aws, target }: AwsPlatform): Promise<Readonly<Record<string, string>>> {
  const plain = { ...target.environment, AWS_REGION: aws.region }
  const credentials = webIdentity(target, aws.region)
  if (target.environment['AWS_ACCESS_KEY_ID'] !== undefined || credentials === undefined) return plain
  const { accessKeyId, secretAccessKey, sessionToken } = await credentials()
  return {
    ...plain,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  }
}

function backend({ names, aws, target }: AwsPlatform, root: RootName): TerraformBackend {
  return {
    type: 's3',
    config: {
      bucket: names.stateBucket,
      key: `terraform/${root}.tfstate`,
      region: aws.region,
      encrypt: true,
      use_lockfile: true,
      ...target.backend,
    },
  }
}

/** Pod Identity binds by association, so that the service accounts themselves need no annotation. */
function workloadIdentity({ names, aws }: AwsPlatform): WorkloadIdentity {
  return {
    serviceAccounts: [...Object.keys(names.repositories), 'mlflow', 'database-admin'].map(name => ({
      namespace: namespaceOf(name),
      name,
      annotations: {},
      labels: {},
    })),
    facts: {
      provider: 'aws',
      region: aws.region,
      account: aws.accountId,
      models_bucket: names.buckets.models,
      data_bucket: names.buckets.data,
      logs_bucket: names.buckets.logs,
    },
  }
}
