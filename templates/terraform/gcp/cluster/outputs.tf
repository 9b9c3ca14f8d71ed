# Facts for phase 2 and `mlp verify`. Nothing here opens anything.

output "cluster" {
  description = "How to reach the API server; signing in is by Google identity."
  value = {
    name           = google_container_cluster.main.name
    location       = google_container_cluster.main.location
    endpoint       = "https://${google_container_cluster.main.endpoint}"
    ca_certificate = google_container_cluster.main.master_auth[0].cluster_ca_certificate
    version        = google_container_cluster.main.master_version
  }
}

output "oidc_issuer" {
  description = "Issuer of the cluster's service account tokens."
  value       = "https://container.googleapis.com/v1/${google_container_cluster.main.id}"
}

output "node_pools" {
  description = "Names of the node pools."
  value       = concat([google_container_node_pool.general.name], google_container_node_pool.gpu[*].name)
}

output "workload_identities" {
  description = "Google identity of each Kubernetes service account (namespace/name)."
  value       = { for workload, account in local.workloads : workload => var.foundation.service_accounts[account] }
}
