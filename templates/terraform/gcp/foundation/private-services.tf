# Cloud SQL lives in a network of Google's that is peered with ours and takes its addresses from this range.
resource "google_compute_global_address" "private_services" {
  name          = "${var.name}-private-services"
  description   = "Addresses of Cloud SQL inside our network"
  network       = google_compute_network.main.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = split("/", local.private_services_cidr)[0]
  prefix_length = tonumber(split("/", local.private_services_cidr)[1])
}

resource "google_service_networking_connection" "private_services" {
  network                 = google_compute_network.main.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.private_services.name]

  # Google keeps a deleted database's network for up to four days and refuses to end the peering meanwhile.
  # Our side of it goes with the network, so a destroy leaves it alone.
  deletion_policy = "ABANDON"
}

# Lets Memorystore put its endpoints into our network.
resource "google_network_connectivity_service_connection_policy" "cache" {
  name          = "${var.name}-cache"
  description   = "Memorystore for Redis Cluster through Private Service Connect"
  location      = var.region
  network       = google_compute_network.main.id
  service_class = "gcp-memorystore-redis"

  psc_config {
    subnetworks = [google_compute_subnetwork.endpoints.id]
  }
}
