locals {
  tags = {
    "mlp-platform-id" = var.platform_id
    project           = var.project
    environment       = var.environment
    owner             = var.owner
  }

  # What people expect to differ between environments, in one table.
  sizes = {
    dev = {
      database_sku            = "B_Standard_B1ms"
      database_storage_mb     = 32768
      database_zone_redundant = false
      sql_sku                 = "GP_S_Gen5_1"
      backup_days             = 7
      geo_redundant_backup    = false
      storage_replication     = "LRS"
      soft_delete_days        = 7
      cache_sku               = "Balanced_B0"
      cache_replicated        = false
      registry_sku            = "Basic"
      log_retention_days      = 30
      log_daily_quota_gb      = 1
      protected               = false
    }
    staging = {
      database_sku            = "GP_Standard_D2ds_v5"
      database_storage_mb     = 65536
      database_zone_redundant = false
      sql_sku                 = "GP_Gen5_2"
      backup_days             = 14
      geo_redundant_backup    = false
      storage_replication     = "ZRS"
      soft_delete_days        = 14
      cache_sku               = "Balanced_B1"
      cache_replicated        = true
      registry_sku            = "Standard"
      log_retention_days      = 60
      log_daily_quota_gb      = 5
      protected               = false
    }
    prod = {
      database_sku            = "GP_Standard_D4ds_v5"
      database_storage_mb     = 131072
      database_zone_redundant = true
      sql_sku                 = "GP_Gen5_4"
      backup_days             = 35
      geo_redundant_backup    = true
      storage_replication     = "GZRS"
      soft_delete_days        = 30
      cache_sku               = "Balanced_B5"
      cache_replicated        = true
      registry_sku            = "Premium"
      log_retention_days      = 90
      log_daily_quota_gb      = -1
      protected               = true
    }
  }
  size = local.sizes[var.environment]

  postgresql = var.database_engine == "postgresql"
  azure_sql  = var.database_engine == "azure-sql"

  # The network's parts, by arithmetic: a quarter for nodes, a 256th each for the database and private endpoints.
  # With 10.30.0.0/16: 10.30.0.0/18, 10.30.64.0/24, 10.30.65.0/24.
  subnet_cidrs = {
    nodes             = cidrsubnet(var.network_cidr, 2, 0)
    database          = cidrsubnet(var.network_cidr, 8, 64)
    private_endpoints = cidrsubnet(var.network_cidr, 8, 65)
  }

  # Role assignments are named by UUID. A name derived from the platform and the purpose is the same in every run, so
  # a run that lost its state finds what an earlier one made.
  role_assignment_names = {
    for purpose in [
      "operator/keys",
      "model-serving/models", "data-sync/models", "data-sync/data", "mlflow/models",
    ] : purpose => uuidv5("url", "https://mlp.dev/${var.platform_id}/role-assignments/${purpose}")
  }
}
