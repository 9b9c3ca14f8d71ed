locals {
  # Kubernetes service account -> Google identity it may borrow.
  workloads = {
    "ml-platform/api-gateway"    = "api_gateway"
    "ml-serving/model-serving"   = "model_serving"
    "ml-platform/data-sync"      = "data_sync"
    "ml-platform/mlflow"         = "mlflow"
    "ml-platform/database-admin" = "database_admin"
  }
}

resource "google_service_account_iam_member" "workload" {
  for_each = local.workloads

  service_account_id = "projects/${var.project_id}/serviceAccounts/${var.foundation.service_accounts[each.value]}"
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project_id}.svc.id.goog[${each.key}]"

  # The pool of identities exists as soon as the project's first cluster does.
  depends_on = [google_container_cluster.main]
}
