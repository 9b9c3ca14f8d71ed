# Models, data and logs: private, versioned, encrypted with our key, reached by identity only.
resource "google_storage_bucket" "main" {
  for_each = var.bucket_names

  name                        = each.value
  location                    = upper(var.region)
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  # A bucket with objects in it survives `terraform destroy`; `mlp teardown --destroy-data` empties it first.
  force_destroy = false

  versioning {
    enabled = true
  }

  encryption {
    default_kms_key_name = google_kms_crypto_key.main["storage"].id
  }

  soft_delete_policy {
    retention_duration_seconds = local.size.soft_delete_days * 24 * 60 * 60
  }

  # Old versions are kept long enough to notice a mistake.
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = local.size.noncurrent_object_days
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  # An upload that was never finished costs like data.
  lifecycle_rule {
    condition {
      age = 7
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }

  # Logs are read for a month and kept for a year.
  dynamic "lifecycle_rule" {
    for_each = each.key == "logs" ? ["logs"] : []
    content {
      condition {
        age        = 30
        with_state = "LIVE"
      }
      action {
        type          = "SetStorageClass"
        storage_class = "NEARLINE"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = each.key == "logs" ? ["logs"] : []
    content {
      condition {
        age        = 365
        with_state = "LIVE"
      }
      action {
        type = "Delete"
      }
    }
  }

  depends_on = [google_kms_crypto_key_iam_member.user]
}

# Who may do what in which bucket. api-gateway needs none of them.
locals {
  bucket_access = {
    model_serving_models = { bucket = "models", account = "model_serving", role = "roles/storage.objectViewer" }
    mlflow_models        = { bucket = "models", account = "mlflow", role = "roles/storage.objectUser" }
    data_sync_models     = { bucket = "models", account = "data_sync", role = "roles/storage.objectUser" }
    data_sync_data       = { bucket = "data", account = "data_sync", role = "roles/storage.objectUser" }
    data_sync_logs       = { bucket = "logs", account = "data_sync", role = "roles/storage.objectCreator" }
  }
}

resource "google_storage_bucket_iam_member" "service" {
  for_each = local.bucket_access

  bucket = google_storage_bucket.main[each.value.bucket].name
  role   = each.value.role
  member = google_service_account.platform[each.value.account].member
}
