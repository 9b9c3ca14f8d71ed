data "aws_partition" "current" {}

locals {
  platform_tags = {
    "mlp.dev/platform-id" = var.platform_id
    project               = var.project
    environment           = var.environment
    owner                 = var.owner
  }

  log_retention_days = { dev = 7, staging = 30, prod = 365 }[var.environment]

  subnet_ids = [for key in sort(keys(var.foundation.private_subnet_ids)) : var.foundation.private_subnet_ids[key]]

  policy_arn_prefix = "arn:${data.aws_partition.current.partition}:iam::aws:policy"

  # for_each needs the keys at plan time: one group always, the GPU one when it is wanted.
  node_groups = merge(
    {
      general = {
        size     = var.nodes
        ami_type = "AL2023_x86_64_STANDARD"
        disk_gib = 50
        labels   = { "mlp.dev/pool" = "general" }
        taints   = []
      }
    },
    var.gpu_nodes == null ? {} : {
      gpu = {
        size     = var.gpu_nodes
        ami_type = "AL2023_x86_64_NVIDIA"
        disk_gib = 100 # CUDA images are large.
        labels   = { "mlp.dev/pool" = "gpu" }
        taints   = [{ key = "nvidia.com/gpu", value = "true", effect = "NO_SCHEDULE" }]
      }
    },
  )
}
