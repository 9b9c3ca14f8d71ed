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
