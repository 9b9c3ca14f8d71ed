import type { JsonObject } from '../../engine/json.ts'
import { budgetRole } from './budget.ts'
import type { GcpPlatform } from './platform.ts'

/**
 * Predefined roles by what they are needed for, and the resource types of templates/terraform/gcp that need them.
 * Source: https://cloud.google.com/iam/docs/roles-permissions. test/unit/clouds/gcp-policy.test.ts wants every type.
 */
export const rolesByPurpose = [
  {
    role: 'roles/serviceusage.serviceUsageAdmin',
    why: 'enables the APIs that the platform needs',
    types: [],
  },
  { role: 'roles/browser', why: 'reads the project, its number and its billing', types: ['google_project'] },
  {
    role: 'roles/compute.networkAdmin',
    why: 'network, subnetworks, router, NAT and addresses',
    types: [
      'google_compute_global_address',
      'google_compute_network',
      'google_compute_router',
      'google_compute_router_nat',
      'google_compute_subnetwork',
      'google_service_networking_connection',
    ],
  },
  { role: 'roles/compute.securityAdmin', why: 'firewall rules', types: ['google_compute_firewall'] },
  {
    role: 'roles/networkconnectivity.consumerNetworkAdmin',
    why: 'private endpoints of the cache',
    types: ['google_network_connectivity_service_connection_policy'],
  },
  {
    role: 'roles/container.admin',
    why: 'the cluster, its nodes, and the objects in it',
    types: ['google_container_cluster', 'google_container_node_pool'],
  },
  {
    role: 'roles/cloudsql.admin',
    why: 'the database',
    types: ['google_sql_database', 'google_sql_database_instance', 'google_sql_user'],
  },
  { role: 'roles/redis.admin', why: 'the cache', types: ['google_redis_cluster'] },
  {
    role: 'roles/storage.admin',
    why: 'buckets, the state bucket among them',
    types: [
      'google_storage_bucket',
      'google_storage_bucket_iam_member',
      'google_storage_project_service_account',
    ],
  },
  {
    role: 'roles/artifactregistry.admin',
    why: 'the registry',
    types: ['google_artifact_registry_repository', 'google_artifact_registry_repository_iam_member'],
  },
  {
    role: 'roles/cloudkms.admin',
    why: 'keys',
    types: ['google_kms_crypto_key', 'google_kms_crypto_key_iam_member', 'google_kms_key_ring'],
  },
  {
    role: 'roles/iam.serviceAccountAdmin',
    why: 'service accounts, and who may act as them',
    types: ['google_service_account', 'google_service_account_iam_member'],
  },
  {
    role: 'roles/iam.workloadIdentityPoolAdmin',
    why: 'lets jobs of the pipeline, and data-sync in other clouds, sign in without keys',
    types: ['google_iam_workload_identity_pool', 'google_iam_workload_identity_pool_provider'],
  },
  { role: 'roles/iam.serviceAccountUser', why: 'gives nodes their service account', types: [] },
  {
    role: 'roles/resourcemanager.projectIamAdmin',
    why: 'gives those service accounts their roles',
    types: ['google_project_iam_member'],
  },
  {
    role: budgetRole,
    why: 'the budget, where mlp.yaml has one; on the billing account, not on the project',
    types: ['google_billing_budget'],
  },
  { role: 'roles/logging.viewer', why: 'reads the audit log', types: [] },
  { role: 'roles/monitoring.viewer', why: 'reads quotas', types: [] },
] as const

/** Roles for whoever runs mlp, on the project; `gcloud projects add-iam-policy-binding` gives one. */
export function policy({ project, config }: GcpPlatform): JsonObject {
  const roles = rolesByPurpose
    .filter(({ role }) => role !== budgetRole || config.budget !== undefined)
    .map(({ role, why }) => ({ role: String(role), why: String(why) }))
  // Health checks are in compute.networkAdmin.
  const zone = { role: 'roles/dns.admin', why: 'makes the platform’s names in its zone' }
  return { project, roles: config.dns?.cloud === 'gcp' ? [...roles, zone] : roles }
}
