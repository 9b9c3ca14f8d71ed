data "google_project" "current" {
  project_id = var.project_id
}

locals {
  platform_labels = var.labels

  # One range, cut once: a quarter each for nodes and for Google's services, a sixteenth for private endpoints.
  nodes_cidr            = cidrsubnet(var.network_cidr, 2, 0)
  private_services_cidr = cidrsubnet(var.network_cidr, 2, 1)
  endpoints_cidr        = cidrsubnet(var.network_cidr, 4, 8)

  # Where the environments differ, in one table.
  sizes = {
    dev = {
      database_tier          = "db-custom-1-3840"
      database_disk_gb       = 20
      database_availability  = "ZONAL"
      backup_count           = 3
      transaction_log_days   = 3
      deletion_protection    = false
      cache_node_type        = "REDIS_SHARED_CORE_NANO"
      cache_shards           = 1
      cache_replicas         = 0
      flow_log_sampling      = 0.1
      soft_delete_days       = 7
      noncurrent_object_days = 14
    }
    staging = {
      database_tier          = "db-custom-2-7680"
      database_disk_gb       = 50
      database_availability  = "ZONAL"
      backup_count           = 7
      transaction_log_days   = 7
      deletion_protection    = true
      cache_node_type        = "REDIS_STANDARD_SMALL"
      cache_shards           = 1
      cache_replicas         = 1
      flow_log_sampling      = 0.25
      soft_delete_days       = 7
      noncurrent_object_days = 30
    }
    prod = {
      database_tier          = "db-custom-4-15360"
      database_disk_gb       = 100
      database_availability  = "REGIONAL"
      backup_count           = 30
      transaction_log_days   = 7
      deletion_protection    = true
      cache_node_type        = "REDIS_HIGHMEM_MEDIUM"
      cache_shards           = 3
      cache_replicas         = 1
      flow_log_sampling      = 0.5
      soft_delete_days       = 30
      noncurrent_object_days = 90
    }
  }
  size = local.sizes[var.environment]
}
