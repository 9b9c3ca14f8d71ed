# One role a service, assumed through EKS Pod Identity by exactly one service account of exactly this platform's
# cluster; it may do what locals.tf says and nothing else.

locals {
  arn_prefix = "arn:${data.aws_partition.current.partition}"
  arn_scope  = "${var.region}:${var.account_id}"

  service_statements = {
    for service, grants in local.services : service => concat(
      !grants.database ? [] : [{
        Sid      = "DatabaseLogin"
        Effect   = "Allow"
        Action   = ["rds-db:connect"]
        Resource = ["${local.arn_prefix}:rds-db:${local.arn_scope}:dbuser:${aws_db_instance.main.resource_id}/${replace(service, "-", "_")}"]
      }],
      !grants.database_master ? [] : [{
        Sid      = "DatabaseMaster"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = [aws_db_instance.main.master_user_secret[0].secret_arn]
      }],
      !grants.database_master ? [] : [{
        Sid      = "SecretKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = [aws_kms_key.main.arn]
        Condition = {
          StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" }
        }
      }],
      !grants.cache ? [] : [{
        Sid    = "CacheLogin"
        Effect = "Allow"
        Action = ["elasticache:Connect"]
        Resource = [
          "${local.arn_prefix}:elasticache:${local.arn_scope}:replicationgroup:${var.names.cache}",
          "${local.arn_prefix}:elasticache:${local.arn_scope}:user:${try(var.names.cache_users[service], "")}",
        ]
      }],
      length(grants.read_buckets) == 0 ? [] : [{
        Sid      = "ListBuckets"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [for key in grants.read_buckets : local.bucket_arns[key]]
        }, {
        Sid      = "ReadObjects"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for key in grants.read_buckets : "${local.bucket_arns[key]}/${grants.prefix}*"]
      }],
      length(grants.write_buckets) == 0 ? [] : [{
        Sid    = "WriteObjects"
        Effect = "Allow"
        # Listing an upload's parts is how a copy that was cut short goes on without sending them again.
        Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = [for key in grants.write_buckets : "${local.bucket_arns[key]}/${grants.prefix}*"]
      }],
      length(grants.read_buckets) == 0 ? [] : [{
        Sid      = "BucketKey"
        Effect   = "Allow"
        Action   = length(grants.write_buckets) == 0 ? ["kms:Decrypt"] : ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [aws_kms_key.main.arn]
        Condition = {
          StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" }
        }
      }],
    )
  }
}

resource "aws_iam_role" "service" {
  for_each = local.services

  name        = var.names.service_roles[each.key]
  description = "Service ${each.key} of ${var.names.vpc}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "PodIdentity"
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Condition = {
        StringEquals = {
          "aws:SourceAccount"                         = var.account_id
          "aws:RequestTag/kubernetes-namespace"       = each.key == "model-serving" ? "ml-serving" : "ml-platform"
          "aws:RequestTag/kubernetes-service-account" = each.key
        }
        ArnEquals = {
          "aws:SourceArn" = "${local.arn_prefix}:eks:${local.arn_scope}:cluster/${var.names.cluster}"
        }
      }
    }]
  })

  tags = {
    "mlp.dev/resource" = "role/${each.key}"
  }
}

resource "aws_iam_role_policy" "service" {
  for_each = local.services

  name = "access"
  role = aws_iam_role.service[each.key].name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.service_statements[each.key]
  })
}
