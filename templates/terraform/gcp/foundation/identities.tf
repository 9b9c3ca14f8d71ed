# One identity for the nodes and one a service. None has a key: nodes have theirs by attachment, services borrow
# theirs through Workload Identity, which the cluster root binds.
resource "google_service_account" "platform" {
  for_each = var.service_account_ids

  account_id   = each.value
  display_name = "${var.name} ${replace(each.key, "_", "-")}"
  description  = "ML platform ${var.name}, ${var.labels["mlp-platform-id"]}"
}

locals {
  # What cannot be granted on a single resource is granted on the project.
  project_roles = {
    nodes       = ["roles/container.defaultNodeServiceAccount"]
    api_gateway = ["roles/cloudsql.client", "roles/cloudsql.instanceUser", "roles/redis.dbConnectionUser"]
    # Writes predictions to the cache; reads models from its bucket.
    model_serving = ["roles/redis.dbConnectionUser"]
    data_sync     = ["roles/cloudsql.client", "roles/cloudsql.instanceUser"]
    # The registry of models runs in one cloud; what it may do is there in each, so that it can move.
    mlflow = ["roles/cloudsql.instanceUser"]
    # Runs for seconds, in a job of phase 3: gives the services what is theirs in the database.
    database_admin = ["roles/cloudsql.instanceUser"]
  }

  project_grants = merge([
    for account, roles in local.project_roles : {
      for role in roles : "${account} ${role}" => { account = account, role = role }
    }
  ]...)
}

resource "google_project_iam_member" "platform" {
  for_each = local.project_grants

  project = var.project_id
  role    = each.value.role
  member  = google_service_account.platform[each.value.account].member
}
