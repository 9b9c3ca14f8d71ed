# PostgreSQL without a password anywhere: the services sign in with their Google identity.
resource "google_sql_database_instance" "main" {
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_17"
  encryption_key_name = google_kms_crypto_key.main["database"].id

  # terraform's own lock stays open; the one in the settings below is Google's, holds for every client, and `mlp
  # teardown --destroy-data` releases it.
  deletion_protection = false

  settings {
    tier                        = local.size.database_tier
    edition                     = "ENTERPRISE" # the default since PostgreSQL 16, ENTERPRISE_PLUS, knows no small tiers
    availability_type           = local.size.database_availability
    disk_type                   = "PD_SSD"
    disk_size                   = local.size.database_disk_gb
    disk_autoresize             = true
    deletion_protection_enabled = local.size.deletion_protection
    retain_backups_on_delete    = var.environment == "prod"
    connector_enforcement       = "NOT_REQUIRED"
    user_labels                 = local.platform_labels # the provider's default labels do not reach these

    ip_configuration {
      ipv4_enabled       = false
      private_network    = google_compute_network.main.id
      allocated_ip_range = google_compute_global_address.private_services.name
      ssl_mode           = "ENCRYPTED_ONLY"
      server_ca_mode     = "GOOGLE_MANAGED_CAS_CA"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = local.size.transaction_log_days

      backup_retention_settings {
        retained_backups = local.size.backup_count
        retention_unit   = "COUNT"
      }
    }

    final_backup_config {
      enabled        = var.environment != "dev"
      retention_days = 30
    }

    maintenance_window {
      day          = 7 # Sunday
      hour         = 4
      update_track = var.environment == "prod" ? "week5" : "canary"
    }

    insights_config {
      query_insights_enabled  = true
      query_string_length     = 1024
      record_application_tags = true
      record_client_address   = false
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }

    database_flags {
      name  = "log_min_duration_statement"
      value = "1000"
    }
  }

  depends_on = [
    google_service_networking_connection.private_services,
    google_kms_crypto_key_iam_member.user,
  ]

  lifecycle {
    # The disk grows by itself and never shrinks.
    ignore_changes = [settings[0].disk_size]
  }
}

resource "google_sql_database" "platform" {
  name     = var.database_name
  instance = google_sql_database_instance.main.name
}

# PostgreSQL leaves out ".gserviceaccount.com" of a service account's name.
resource "google_sql_user" "service" {
  # The roles each has in PostgreSQL itself; without one it may do what everybody may.
  for_each = {
    api_gateway    = null
    data_sync      = null
    mlflow         = null
    database_admin = ["cloudsqlsuperuser"]
  }

  instance = google_sql_database_instance.main.name
  name     = trimsuffix(google_service_account.platform[each.key].email, ".gserviceaccount.com")
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"

  database_roles = each.value

  # A user that owns tables cannot be dropped; it goes with the instance.
  deletion_policy = "ABANDON"
}
