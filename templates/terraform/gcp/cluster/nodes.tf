locals {
  # Machine families that bring a GPU with them, and which one.
  accelerators = {
    g2 = "nvidia-l4"
    a2 = "nvidia-tesla-a100"
    a3 = "nvidia-h100-80gb"
  }

  # How many GPUs a machine has is the number in its name (a2-highgpu-4g), except g2, whose CPUs decide.
  g2_gpus = { "24" = 2, "48" = 4, "96" = 8 }

  gpu_family = var.gpu_nodes == null ? null : split("-", var.gpu_nodes.type)[0]
  gpu_count = var.gpu_nodes == null ? 0 : (
    local.gpu_family == "g2"
    ? lookup(local.g2_gpus, split("-", var.gpu_nodes.type)[2], 1)
    : tonumber(trimsuffix(split("-", var.gpu_nodes.type)[2], "g"))
  )
}

resource "google_container_node_pool" "general" {
  name     = "general"
  cluster  = google_container_cluster.main.id
  location = var.region

  # Totals over all zones: min_node_count would be a zone's.
  autoscaling {
    total_min_node_count = var.nodes.min
    total_max_node_count = var.nodes.max
    location_policy      = var.nodes.spot ? "ANY" : "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = var.nodes.type
    spot            = var.nodes.spot
    image_type      = "COS_CONTAINERD"
    disk_type       = "pd-balanced"
    disk_size_gb    = 100
    service_account = var.foundation.service_accounts["nodes"]
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = var.labels

    labels = {
      "mlp.dev/node-group" = "general"
    }

    metadata = {
      disable-legacy-endpoints = "true"
    }

    # Pods see their own identity, never the node's.
    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }
}

resource "google_container_node_pool" "gpu" {
  count = var.gpu_nodes == null ? 0 : 1

  name     = "gpu"
  cluster  = google_container_cluster.main.id
  location = var.region

  autoscaling {
    total_min_node_count = var.gpu_nodes.min
    total_max_node_count = var.gpu_nodes.max
    location_policy      = "ANY" # wherever there is one to be had
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # A second GPU node for an upgrade may not be to be had.
  upgrade_settings {
    strategy        = "SURGE"
    max_surge       = 0
    max_unavailable = 1
  }

  node_config {
    machine_type    = var.gpu_nodes.type
    spot            = var.gpu_nodes.spot
    image_type      = "COS_CONTAINERD"
    disk_type       = "pd-balanced"
    disk_size_gb    = 200
    service_account = var.foundation.service_accounts["nodes"]
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = var.labels

    labels = {
      "mlp.dev/node-group" = "gpu"
    }

    metadata = {
      disable-legacy-endpoints = "true"
    }

    guest_accelerator {
      type  = local.accelerators[local.gpu_family]
      count = local.gpu_count
      gpu_driver_installation_config {
        gpu_driver_version = "DEFAULT"
      }
    }

    # Only pods that ask for a GPU come here.
    taint {
      key    = "nvidia.com/gpu"
      value  = "present"
      effect = "NO_SCHEDULE"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    # NVIDIA's kernel modules are not signed for secure boot on every image.
    shielded_instance_config {
      enable_secure_boot          = false
      enable_integrity_monitoring = true
    }
  }
}
