# Roles of the cluster itself. The services' roles belong to the foundation, beside the data they open.

locals {
  service_principals = {
    cluster = { service = "eks.amazonaws.com", actions = ["sts:AssumeRole"] }
    nodes   = { service = "ec2.amazonaws.com", actions = ["sts:AssumeRole"] }
    ebs_csi = { service = "pods.eks.amazonaws.com", actions = ["sts:AssumeRole", "sts:TagSession"] }
    vpc_cni = { service = "pods.eks.amazonaws.com", actions = ["sts:AssumeRole", "sts:TagSession"] }
  }

  # Nodes may join and pull images; addressing and volumes are the addons' business, each with a role of its own.
  role_policies = {
    cluster         = { role = "cluster", policy = "AmazonEKSClusterPolicy" }
    nodes-worker    = { role = "nodes", policy = "AmazonEKSWorkerNodeMinimalPolicy" }
    nodes-pull-only = { role = "nodes", policy = "AmazonEC2ContainerRegistryPullOnly" }
    ebs-csi         = { role = "ebs_csi", policy = "service-role/AmazonEBSCSIDriverPolicy" }
    vpc-cni         = { role = "vpc_cni", policy = "AmazonEKS_CNI_Policy" }
  }
}

resource "aws_iam_role" "main" {
  for_each = local.service_principals

  name        = var.names.roles[each.key]
  description = "${each.key} of EKS cluster ${var.names.cluster}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = each.value.service }
      Action    = each.value.actions
    }]
  })

  tags = {
    "mlp.dev/resource" = "role/${each.key}"
  }
}

resource "aws_iam_role_policy_attachment" "main" {
  for_each = local.role_policies

  role       = aws_iam_role.main[each.value.role].name
  policy_arn = "${local.policy_arn_prefix}/${each.value.policy}"
}

# Envelope encryption of Kubernetes secrets with the foundation's key.
resource "aws_iam_role_policy" "cluster_key" {
  name = "secrets-encryption"
  role = aws_iam_role.main["cluster"].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"]
      Resource = [var.foundation.kms_key_arn]
    }]
  })
}
