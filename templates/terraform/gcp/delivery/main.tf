# Phase 6: whom a job of the pipeline becomes on Google Cloud. GitHub vouches for it by a token of minutes; no key is kept.

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = var.names.pool
  display_name              = "GitHub"
  description               = "Jobs of ${var.name}'s pipeline (${var.labels["mlp-platform-id"]})"
}

resource "google_iam_workload_identity_pool_provider" "github" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"
  description                        = "Tokens of GitHub's jobs (${var.labels["mlp-platform-id"]})"

  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }

  # The whole subject: repository and environment.
  attribute_condition = "assertion.sub in [${join(", ", [for subject in values(var.subjects) : "'${subject}'"])}]"

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

# deploy changes what runs; read only asks.
resource "google_service_account" "pipeline" {
  for_each = var.subjects

  account_id   = var.names.service_accounts[each.key]
  display_name = "${var.name}: ${each.key} by the pipeline"
}

resource "google_service_account_iam_member" "pipeline" {
  for_each = var.subjects

  service_account_id = google_service_account.pipeline[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/subject/${each.value}"
}

locals {
  roles = merge([
    for purpose in keys(var.subjects) : {
      for role in var.roles : "${purpose}/${role}" => { purpose = purpose, role = role }
    }
  ]...)
}

resource "google_project_iam_member" "pipeline" {
  for_each = local.roles

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.pipeline[each.value.purpose].member
}

# terraform's state and locks, and mlp's record.
resource "google_storage_bucket_iam_member" "state" {
  for_each = var.subjects

  bucket = var.names.state_bucket
  role   = "roles/storage.objectUser"
  member = google_service_account.pipeline[each.key].member
}

resource "google_artifact_registry_repository_iam_member" "push" {
  location   = var.region
  repository = var.names.registry
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.pipeline["deploy"].member
}

output "identities" {
  description = "By purpose: what a job is told, and as whom the cluster knows it."
  value = {
    for purpose, account in google_service_account.pipeline : purpose => {
      variables = {
        GOOGLE_SERVICE_ACCOUNT            = account.email
        GOOGLE_WORKLOAD_IDENTITY_PROVIDER = google_iam_workload_identity_pool_provider.github.name
      }
      subject = { kind = "User", name = account.email }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.push,
    google_project_iam_member.pipeline,
    google_service_account_iam_member.pipeline,
    google_storage_bucket_iam_member.state,
  ]
}
