/**
 * Resource types whose loss is loss of data (or of what reads it: a key). Replacing or destroying one needs its own
 * consent, whatever else was agreed to.
 */
const dataBearing: ReadonlySet<string> = new Set([
  'aws_db_instance',
  'aws_ecr_repository',
  'aws_kms_key',
  'aws_s3_bucket',
  'aws_rds_cluster',
  'google_artifact_registry_repository',
  'google_kms_crypto_key',
  'google_sql_database',
  'google_sql_database_instance',
  'google_storage_bucket',
  'azurerm_container_registry',
  'azurerm_key_vault',
  'azurerm_key_vault_key',
  'azurerm_mssql_database',
  'azurerm_mssql_server',
  'azurerm_postgresql_flexible_server',
  'azurerm_postgresql_flexible_server_database',
  'azurerm_resource_group',
  'azurerm_storage_account',
  'azurerm_storage_container',
])

export function holdsData(type: string): boolean {
  return dataBearing.has(type)
}

/** What a teardown takes away even when data is kept: clusters, what they made, and what costs by the hour. */
const runningPlatform: ReadonlySet<string> = new Set([
  'aws_eip',
  'aws_eks_access_entry',
  'aws_eks_addon',
  'aws_eks_cluster',
  'aws_eks_node_group',
  'aws_eks_pod_identity_association',
  'aws_elasticache_replication_group',
  'aws_elb',
  'aws_instance',
  'aws_lb',
  'aws_lb_target_group',
  'aws_nat_gateway',
  'aws_network_interface',
  'google_compute_forwarding_rule',
  'google_compute_router_nat',
  'google_container_cluster',
  'google_container_node_pool',
  'google_redis_cluster',
  'azurerm_kubernetes_cluster',
  'azurerm_kubernetes_cluster_node_pool',
  'azurerm_lb',
  'azurerm_linux_virtual_machine',
  'azurerm_managed_redis',
  'azurerm_nat_gateway',
  'azurerm_public_ip',
])

export function runsThePlatform(type: string): boolean {
  return runningPlatform.has(type)
}
