# A network of our own with no automatic subnets: every address is planned, so that three clouds can be joined.
resource "google_compute_network" "main" {
  name                    = var.name
  description             = "ML platform ${var.name}"
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "nodes" {
  name          = var.name
  description   = "Nodes, with secondary ranges for pods and services"
  network       = google_compute_network.main.id
  region        = var.region
  ip_cidr_range = local.nodes_cidr

  # Nodes have no public address; this is how they reach Google's APIs.
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.pods_cidr
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.services_cidr
  }

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = local.size.flow_log_sampling
    metadata             = "INCLUDE_ALL_METADATA"
  }
}

# Private Service Connect endpoints (the cache) get their addresses here, apart from the nodes.
resource "google_compute_subnetwork" "endpoints" {
  name                     = "${var.name}-endpoints"
  description              = "Private Service Connect endpoints"
  network                  = google_compute_network.main.id
  region                   = var.region
  ip_cidr_range            = local.endpoints_cidr
  private_ip_google_access = true
}

resource "google_compute_router" "main" {
  name    = var.name
  network = google_compute_network.main.id
  region  = var.region
}

# The only way out for private nodes.
resource "google_compute_router_nat" "main" {
  count = var.dormant ? 0 : 1

  name                                = var.name
  router                              = google_compute_router.main.name
  region                              = var.region
  nat_ip_allocate_option              = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat  = "ALL_SUBNETWORKS_ALL_IP_RANGES"
  enable_dynamic_port_allocation      = true
  enable_endpoint_independent_mapping = false
  min_ports_per_vm                    = 64
  max_ports_per_vm                    = 4096

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# GKE makes its own rules between control plane and nodes; everything else that comes in is denied by default.
resource "google_compute_firewall" "internal" {
  name          = "${var.name}-internal"
  description   = "Nodes and pods among themselves"
  network       = google_compute_network.main.id
  direction     = "INGRESS"
  source_ranges = [local.nodes_cidr, var.pods_cidr]

  allow {
    protocol = "tcp"
  }

  allow {
    protocol = "udp"
  }

  allow {
    protocol = "icmp"
  }
}

resource "google_compute_firewall" "health_checks" {
  name        = "${var.name}-health-checks"
  description = "Google's load balancers and their health checks"
  network     = google_compute_network.main.id
  direction   = "INGRESS"

  # Fixed ranges: https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges
  source_ranges = ["35.191.0.0/16", "130.211.0.0/22"]

  allow {
    protocol = "tcp"
  }
}
