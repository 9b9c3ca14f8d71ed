import { peopleGroups } from '../../config/people.ts'
import type { JsonObject } from '../../engine/json.ts'
import { budgetOf, budgetVariable } from '../budget.ts'
import {
  dataSyncSubject,
  namespaceOf,
  type RootName,
  type TerraformBackend,
  type WorkloadIdentity,
} from '../cloud.ts'
import { type GcpPlatform, serviceAccountEmail } from './platform.ts'

/** What `mlp phase 3` and `mlp verify` ask of the project: each reads what one of the earlier phases made. */
const pipelineRoles = [
  'roles/artifactregistry.reader',
  'roles/browser',
  'roles/cloudkms.viewer',
  'roles/cloudsql.viewer',
  'roles/compute.viewer',
  'roles/container.clusterViewer',
  'roles/iam.securityReviewer',
  'roles/logging.viewer',
  'roles/networkconnectivity.consumerNetworkViewer',
  'roles/redis.viewer',
  'roles/serviceusage.serviceUsageViewer',
  'roles/storage.bucketViewer',
] as const

/** Values for templates/terraform/gcp/<root>/variables.tf. */
export function rootVariables(
  platform: GcpPlatform,
  root: RootName,
  foundation: JsonObject | undefined,
): JsonObject {
  const { names, settings, config } = platform
  const common = {
    project_id: platform.project,
    region: platform.region,
    name: names.base,
    environment: config.environment,
    labels: platform.labels,
  }
  if (root === 'delivery') {
    return {
      ...common,
      names: {
        pool: names.identityPool,
        service_accounts: {
          deploy: names.serviceAccounts.pipelineDeploy,
          read: names.serviceAccounts.pipelineRead,
        },
        state_bucket: names.stateBucket,
        registry: names.registry,
      },
      roles: [...pipelineRoles],
      subjects: foundation?.['subjects'] ?? {},
    }
  }
  if (root === 'peers') {
    return {
      ...common,
      names: { pool: names.peerPool },
      buckets: [names.buckets.models, names.buckets.data],
      issuers: foundation?.['issuers'] ?? {},
      subject: dataSyncSubject,
    }
  }
  if (root === 'foundation') {
    return {
      ...common,
      network_cidr: settings.network.cidr,
      pods_cidr: settings.network.pods,
      budget: budgetVariable(budgetOf(config), names.base),
      services_cidr: settings.network.services,
      bucket_names: names.buckets,
      service_account_ids: {
        nodes: names.serviceAccounts.nodes,
        api_gateway: names.serviceAccounts.apiGateway,
        model_serving: names.serviceAccounts.modelServing,
        data_sync: names.serviceAccounts.dataSync,
        mlflow: names.serviceAccounts.mlflow,
        database_admin: names.serviceAccounts.databaseAdmin,
      },
      database_name: names.databaseName,
    }
  }
  return {
    ...common,
    kubernetes_version: settings.kubernetesVersion,
    nodes: settings.nodes,
    gpu_nodes: settings.gpuNodes ?? null,
    security_group: securityGroup(config),
    foundation: {
      network: foundation?.['network'],
      cluster_key: foundation?.['cluster_key'],
      service_accounts: foundation?.['service_accounts'],
    },
  }
}

/** GKE looks into this one group of the organisation's domain: https://cloud.google.com/kubernetes-engine/docs/how-to/google-groups-rbac */
function securityGroup({ access }: GcpPlatform['config']): string | null {
  const [first] = peopleGroups.flatMap(group => access?.[group]?.gcp ?? [])
  return first === undefined ? null : `gke-security-groups@${first.slice(first.lastIndexOf('@') + 1)}`
}

export function rootBackend(platform: GcpPlatform, root: RootName): TerraformBackend {
  return {
    type: 'gcs',
    config: {
      bucket: platform.names.stateBucket,
      prefix: `terraform/${root}`,
      ...platform.options.target.backend,
    },
  }
}

/** Service accounts that templates/terraform/gcp/cluster/bindings.tf lets borrow a Google identity. */
export function workloadIdentity(platform: GcpPlatform): WorkloadIdentity {
  const { names } = platform
  const accounts = {
    'api-gateway': names.serviceAccounts.apiGateway,
    'model-serving': names.serviceAccounts.modelServing,
    'data-sync': names.serviceAccounts.dataSync,
    mlflow: names.serviceAccounts.mlflow,
    'database-admin': names.serviceAccounts.databaseAdmin,
  }
  return {
    serviceAccounts: Object.entries(accounts).map(([name, id]) => ({
      namespace: namespaceOf(name),
      name,
      annotations: { 'iam.gke.io/gcp-service-account': serviceAccountEmail(platform, id) },
      labels: {},
    })),
    facts: {
      provider: 'gcp',
      region: platform.region,
      'project-id': platform.project,
      'models-bucket': names.buckets.models,
      'data-bucket': names.buckets.data,
      'logs-bucket': names.buckets.logs,
    },
  }
}

/** Balanced persistent disks, made in the zone where the pod lands. */
export const storageClass: JsonObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'mlp-balanced',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'pd.csi.storage.gke.io',
  parameters: { type: 'pd-balanced' },
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
  reclaimPolicy: 'Delete',
}
