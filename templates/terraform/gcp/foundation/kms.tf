# Our own keys: revoking one makes its data unreadable at once, whoever holds a copy.
# Google never deletes key rings and keys. mlp finds them by name and takes them over when the platform comes back.
resource "google_kms_key_ring" "main" {
  name     = var.name
  location = var.region
}

locals {
  # Whoever encrypts with a key on our behalf; mlp makes sure that these service agents exist.
  key_users = {
    cluster  = "serviceAccount:service-${data.google_project.current.number}@container-engine-robot.iam.gserviceaccount.com"
    database = "serviceAccount:service-${data.google_project.current.number}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
    storage  = "serviceAccount:${data.google_storage_project_service_account.current.email_address}"
  }
}

data "google_storage_project_service_account" "current" {
  project = var.project_id
}

resource "google_kms_crypto_key" "main" {
  for_each = local.key_users

  name            = each.key
  key_ring        = google_kms_key_ring.main.id
  purpose         = "ENCRYPT_DECRYPT"
  rotation_period = "7776000s" # 90 days

  version_template {
    algorithm        = "GOOGLE_SYMMETRIC_ENCRYPTION"
    protection_level = "SOFTWARE"
  }

  # Destroying a key destroys every backup made with it, the last one before a teardown included.
  deletion_policy = "ABANDON"
}

resource "google_kms_crypto_key_iam_member" "user" {
  for_each = local.key_users

  crypto_key_id = google_kms_crypto_key.main[each.key].id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}
