# Facts for the cluster root, the services and `mlp verify`. Nothing here opens anything.

output "network" {
  description = "The platform's VPC network, its node subnet and the names of its secondary ranges."
  value = {
    id             = google_compute_network.main.id
    subnetwork     = google_compute_subnetwork.nodes.id
    pods_range     = google_compute_subnetwork.nodes.secondary_ip_range[0].range_name
    services_range = google_compute_subnetwork.nodes.secondary_ip_range[1].range_name
    nodes_cidr     = google_compute_subnetwork.nodes.ip_cidr_range
  }
}

output "cluster_key" {
  description = "The key that encrypts Kubernetes Secrets."
  value       = google_kms_crypto_key.main["cluster"].id

  # Whoever uses the key needs the grant too.
  depends_on = [google_kms_crypto_key_iam_member.user]
}

output "service_accounts" {
  description = "Email of the nodes' and of each service's identity."
  value       = { for key, account in google_service_account.platform : key => account.email }

  # Nodes that start before their grants exist cannot register.
  depends_on = [
    google_project_iam_member.platform,
    google_artifact_registry_repository_iam_member.nodes,
  ]
}

output "database" {
  description = "Where PostgreSQL listens, and each service's user; they sign in with their identity."
  value = {
    instance        = google_sql_database_instance.main.name
    connection_name = google_sql_database_instance.main.connection_name
    host            = google_sql_database_instance.main.private_ip_address
    port            = 5432
    name            = google_sql_database.platform.name
    users           = { for service, user in google_sql_user.service : service => user.name }
    # Its certificate is for its DNS name, of an authority that no client knows by itself.
    tls_name = try(coalesce(trimsuffix(google_sql_database_instance.main.dns_name, ".")), google_sql_database_instance.main.private_ip_address)
    # The provider takes it for a secret, which a certificate is not.
    ca = nonsensitive(join("\n", google_sql_database_instance.main.server_ca_cert[*].cert))
  }
}

output "cache" {
  description = "Where Redis listens: TLS only, cluster protocol, signed in by identity; null while dormant."
  value = var.dormant ? null : {
    name = google_redis_cluster.main[0].name
    host = google_redis_cluster.main[0].discovery_endpoints[0].address
    port = google_redis_cluster.main[0].discovery_endpoints[0].port
    # Of the authority that only this service has, and that no client knows by itself.
    ca = join("\n", flatten([
      for authority in google_redis_cluster.main[0].managed_server_ca :
      [for chain in authority.ca_certs : chain.certificates]
    ]))
  }
}

output "buckets" {
  description = "Bucket names by purpose."
  value       = { for purpose, bucket in google_storage_bucket.main : purpose => bucket.name }
}

output "registry" {
  description = "Where images are pushed: <registry>/<service>:<tag>."
  value       = google_artifact_registry_repository.main.registry_uri
}
