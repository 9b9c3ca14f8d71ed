# Memorystore for Redis Cluster, because it signs services in with their Google identity. A basic or standard Redis
# instance has only an AUTH string, which terraform would keep in its state. It holds nothing that cannot be computed
# again, so it has neither a key of its own nor backups.
resource "google_redis_cluster" "main" {
  count = var.dormant ? 0 : 1

  name                        = var.name
  region                      = var.region
  node_type                   = local.size.cache_node_type
  shard_count                 = local.size.cache_shards
  replica_count               = local.size.cache_replicas
  authorization_mode          = "AUTH_MODE_IAM_AUTH"
  transit_encryption_mode     = "TRANSIT_ENCRYPTION_MODE_SERVER_AUTHENTICATION"
  deletion_protection_enabled = false # nothing to lose, and a dormant platform gives it up

  psc_configs {
    network = google_compute_network.main.id
  }

  redis_configs = {
    maxmemory-policy = "allkeys-lru"
  }

  zone_distribution_config {
    mode = "MULTI_ZONE"
  }

  maintenance_policy {
    weekly_maintenance_window {
      day = "SUNDAY"
      start_time {
        hours = 4
      }
    }
  }

  depends_on = [google_network_connectivity_service_connection_policy.cache]
}
