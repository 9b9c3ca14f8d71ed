# Phase 3: data-sync of the platform's clusters in other clouds may use this cloud's buckets. It signs in by its service
# account's token, which its own cluster issues and renews; no key is kept anywhere.

locals {
  # The same for each cluster, so that their pods need not be told which of them they are.
  audience = "mlp-data-sync"
}

resource "google_iam_workload_identity_pool" "clusters" {
  workload_identity_pool_id = var.names.pool
  display_name              = "Clusters of other clouds"
  description               = "data-sync of ${var.name} in other clouds (${var.labels["mlp-platform-id"]})"
}

# One a cluster. EKS and AKS publish the keys of their tokens, which is all that Google reads of them.
resource "google_iam_workload_identity_pool_provider" "cluster" {
  for_each = var.issuers

  workload_identity_pool_id          = google_iam_workload_identity_pool.clusters.workload_identity_pool_id
  workload_identity_pool_provider_id = "cluster-${each.key}"
  display_name                       = "Cluster on ${each.key}"
  description                        = "Tokens of the cluster on ${each.key} (${var.labels["mlp-platform-id"]})"

  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }

  # One service account, and nobody else there.
  attribute_condition = "assertion.sub == '${var.subject}'"

  oidc {
    issuer_uri        = each.value
    allowed_audiences = [local.audience]
  }
}

# What data-sync may do in this cloud's own cluster, too; see the foundation's storage.tf.
resource "google_storage_bucket_iam_member" "data_sync" {
  for_each = var.buckets

  bucket = each.value
  role   = "roles/storage.objectUser"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.clusters.name}/subject/${var.subject}"
}

output "providers" {
  description = "By cloud: the provider that its cluster's tokens are shown to."
  value       = { for cloud, provider in google_iam_workload_identity_pool_provider.cluster : cloud => provider.name }

  depends_on = [google_storage_bucket_iam_member.data_sync]
}

output "audience" {
  description = "For whom those tokens have to be."
  value       = local.audience
}
