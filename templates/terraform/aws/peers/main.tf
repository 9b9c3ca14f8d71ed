# Phase 3: data-sync of the platform's clusters in other clouds may use this cloud's buckets. It signs in by its service
# account's token, which its own cluster issues and renews; no key is kept anywhere.

locals {
  platform_tags = {
    "mlp.dev/platform-id" = var.platform_id
    project               = var.project
    environment           = var.environment
    owner                 = var.owner
  }

  audience    = "sts.amazonaws.com"
  bucket_arns = [for bucket in var.buckets : "arn:${data.aws_partition.current.partition}:s3:::${bucket}"]
}

data "aws_partition" "current" {}

# One a cluster. EKS, GKE and AKS publish the keys of their tokens, which is all that AWS reads of them.
resource "aws_iam_openid_connect_provider" "cluster" {
  for_each = var.issuers

  url            = each.value
  client_id_list = [local.audience]

  tags = {
    "mlp.dev/resource" = "oidc-provider/${each.key}"
  }
}

# A role that trusts nobody cannot be.
resource "aws_iam_role" "data_sync" {
  count = length(var.issuers) > 0 ? 1 : 0

  name                 = var.names.role
  description          = "data-sync of ${var.project}, ${var.environment}, in other clouds"
  max_session_duration = 3600

  # One service account of each of these clusters, and nobody else there.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for cloud, issuer in var.issuers : {
      Sid       = "From${title(cloud)}"
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.cluster[cloud].arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${trimprefix(issuer, "https://")}:aud" = local.audience
          "${trimprefix(issuer, "https://")}:sub" = var.subject
        }
      }
    }]
  })

  tags = {
    "mlp.dev/resource" = "role/data-sync-peers"
  }
}

# What data-sync may do in this cloud's own cluster, too; see the foundation's iam.tf.
resource "aws_iam_role_policy" "data_sync" {
  count = length(var.issuers) > 0 ? 1 : 0

  name = "buckets"
  role = aws_iam_role.data_sync[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ListBuckets"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = local.bucket_arns
      },
      {
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = [for arn in local.bucket_arns : "${arn}/*"]
      },
      {
        Sid      = "BucketKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
        Condition = {
          StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" }
        }
      },
    ]
  })
}

output "role_arn" {
  description = "The role that data-sync of other clouds assumes."
  value       = one(aws_iam_role.data_sync[*].arn)

  depends_on = [aws_iam_role_policy.data_sync]
}
