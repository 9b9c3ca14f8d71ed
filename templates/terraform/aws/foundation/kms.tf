# One key for the platform's data: database, buckets, cache, Kubernetes secrets, control-plane log.

locals {
  key_administrators = "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:root"
  log_group_pattern  = "arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/eks/${var.names.cluster}/*"
}

resource "aws_kms_key" "main" {
  description             = "Data of ${var.names.vpc}"
  enable_key_rotation     = true
  deletion_window_in_days = local.size.key_deletion_days

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Hands the decision to IAM policies; without it a lost role would make the key unmanageable.
        Sid       = "AccountAdministration"
        Effect    = "Allow"
        Principal = { AWS = local.key_administrators }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "ControlPlaneLogs"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = {
          ArnLike = { "kms:EncryptionContext:aws:logs:arn" = local.log_group_pattern }
        }
      },
    ]
  })

  tags = {
    Name               = var.names.vpc
    "mlp.dev/resource" = "kms-key"
  }
}

resource "aws_kms_alias" "main" {
  name          = var.names.kms_alias
  target_key_id = aws_kms_key.main.key_id
}
