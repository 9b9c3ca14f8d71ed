locals {
  tags = {
    "mlp-platform-id" = var.platform_id
    project           = var.project
    environment       = var.environment
    owner             = var.owner
  }

  production = var.environment == "prod"
  zones      = var.environment == "dev" ? null : var.availability_zones

  # nodes.min and nodes.max count the whole cluster. AKS wants a system pool that cannot be taken away, so with spot
  # nodes a few regular ones stay and the rest is interruptible.
  regular_nodes = !var.nodes.spot ? var.nodes.min : min(var.nodes.min, local.production ? 3 : 1)
  system_pool = {
    min = local.regular_nodes
    max = var.nodes.spot ? local.regular_nodes : var.nodes.max
  }
  spot_pool = {
    min = var.nodes.min - local.regular_nodes
    max = var.nodes.max - local.regular_nodes
  }

  # AKS puts this label and taint on spot nodes itself; terraform has to know them or it would take them off.
  spot_label = { "kubernetes.azure.com/scalesetpriority" = "spot" }
  spot_taint = "kubernetes.azure.com/scalesetpriority=spot:NoSchedule"

  role_assignment_names = {
    for purpose in [
      "cluster/subnet", "cluster/kubelet-identity", "cluster/etcd-key", "cluster/key-vault",
      "kubelet/registry", "operator/cluster",
    ] : purpose => uuidv5("url", "https://mlp.dev/${var.platform_id}/role-assignments/${purpose}")
  }
}
