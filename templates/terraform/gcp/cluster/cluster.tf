# A regional cluster with private nodes, made ready from the start for what a hardened platform needs, because most of
# it cannot be changed later without replacing the cluster.
resource "google_container_cluster" "main" {
  name        = var.name
  description = "ML platform ${var.name}"
  location    = var.region

  network         = var.foundation.network.id
  subnetwork      = var.foundation.network.subnetwork
  networking_mode = "VPC_NATIVE"

  # The default pool exists only while the cluster is made; nodes.tf has the real ones.
  remove_default_node_pool = true
  initial_node_count       = 1

  # A channel patches control plane and nodes; the minor version is ours to choose.
  min_master_version = var.kubernetes_version
  release_channel {
    channel = var.environment == "prod" ? "STABLE" : "REGULAR"
  }

  # mlp asks before it destroys a cluster; the data outlives it in the foundation.
  deletion_protection = false

  # Dataplane V2: network policies without an add-on, and a log of what they deny.
  datapath_provider           = "ADVANCED_DATAPATH"
  enable_intranode_visibility = true
  enable_shielded_nodes       = true

  ip_allocation_policy {
    cluster_secondary_range_name  = var.foundation.network.pods_range
    services_secondary_range_name = var.foundation.network.services_range
  }

  # Nodes have no public address. The API server is reached by its public endpoint, with Google identities only.
  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
  }

  workload_identity_config {
    workload_pool = "${var.project_id}.svc.id.goog"
  }

  # Kubernetes Secrets are encrypted with our key before they reach etcd.
  database_encryption {
    state    = "ENCRYPTED"
    key_name = var.foundation.cluster_key
  }

  # Neither certificates nor anonymous requests, beyond the health endpoints, get in.
  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }
  enable_legacy_abac = false
  anonymous_authentication_config {
    mode = "LIMITED"
  }

  # RBAC may name Google groups that are members of this one.
  dynamic "authenticator_groups_config" {
    for_each = var.security_group == null ? [] : [var.security_group]

    content {
      security_group = authenticator_groups_config.value
    }
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]
  }

  # The platform brings its own Prometheus.
  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]
    managed_prometheus {
      enabled = false
    }
  }

  addons_config {
    gce_persistent_disk_csi_driver_config {
      enabled = true
    }
    gcs_fuse_csi_driver_config {
      enabled = true
    }
    http_load_balancing {
      disabled = false
    }
    horizontal_pod_autoscaling {
      disabled = false
    }
  }

  cost_management_config {
    enabled = true
  }

  security_posture_config {
    mode               = "BASIC"
    vulnerability_mode = "VULNERABILITY_DISABLED"
  }

  maintenance_policy {
    recurring_window {
      start_time = "2026-01-03T02:00:00Z"
      end_time   = "2026-01-03T08:00:00Z"
      recurrence = "FREQ=WEEKLY;BYDAY=SA,SU"
    }
  }

  # The temporary default pool runs under the nodes' identity too, not under the project's editor account.
  node_config {
    service_account = var.foundation.service_accounts["nodes"]
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
  }

  lifecycle {
    # The default pool's settings mean nothing once it is gone.
    ignore_changes = [node_config]
  }
}
