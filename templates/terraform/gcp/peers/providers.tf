# Credentials come from the environment: GOOGLE_OAUTH_ACCESS_TOKEN or application default credentials.
provider "google" {
  project = var.project_id
  region  = var.region

  # On everything that can carry labels; what cannot is known by its name.
  default_labels = var.labels
}
