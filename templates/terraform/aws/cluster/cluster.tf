# EKS would make the log group itself, without retention or encryption; made first, it is ours.
resource "aws_cloudwatch_log_group" "control_plane" {
  name              = var.names.log_group
  retention_in_days = local.log_retention_days
  kms_key_id        = var.foundation.kms_key_arn

  tags = {
    "mlp.dev/resource" = "log-group/control-plane"
  }
}

resource "aws_eks_cluster" "main" {
  name     = var.names.cluster
  version  = var.kubernetes_version
  role_arn = aws_iam_role.main["cluster"].arn

  # The addons below replace the unmanaged ones EKS would install.
  bootstrap_self_managed_addons = false

  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  access_config {
    # Access entries only; the aws-auth ConfigMap is not read at all.
    authentication_mode = "API"

    # Whoever runs this first can reach the cluster; more people come in through var.administrators.
    bootstrap_cluster_creator_admin_permissions = true
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = var.foundation.kms_key_arn
    }
  }

  kubernetes_network_config {
    ip_family         = "ipv4"
    service_ipv4_cidr = var.services_cidr
  }

  upgrade_policy {
    # Upgrade in time instead of paying for extended support.
    support_type = "STANDARD"
  }

  vpc_config {
    subnet_ids              = local.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = var.api_access.public
    public_access_cidrs     = var.api_access.public ? var.api_access.public_cidrs : null
  }

  tags = {
    "mlp.dev/resource" = "cluster"
  }

  # Destroyed before the role loses its policies, or EKS could not clean up its network interfaces.
  depends_on = [
    aws_cloudwatch_log_group.control_plane,
    aws_iam_role_policy.cluster_key,
    aws_iam_role_policy_attachment.main,
  ]
}

resource "aws_eks_access_entry" "administrator" {
  for_each = var.administrators

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = each.value

  tags = {
    "mlp.dev/resource" = "access-entry/${each.key}"
  }
}

resource "aws_eks_access_policy_association" "administrator" {
  for_each = var.administrators

  cluster_name  = aws_eks_cluster.main.name
  principal_arn = aws_eks_access_entry.administrator[each.key].principal_arn
  policy_arn    = "arn:${data.aws_partition.current.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}

# Without an access policy: a member may do what phase 8's roles allow its groups.
resource "aws_eks_access_entry" "member" {
  for_each = var.group_members

  cluster_name      = aws_eks_cluster.main.name
  principal_arn     = each.key
  kubernetes_groups = each.value

  tags = {
    "mlp.dev/resource" = "access-entry/${each.key}"
  }
}
