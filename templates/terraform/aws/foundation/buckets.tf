# models: what serving loads. data: what training and synchronisation use. logs: access logs of the other two.
# All versioned, encrypted, private, and deaf to anything but TLS. None has force_destroy: `mlp teardown` empties them,
# and only with consent.

locals {
  buckets = var.names.buckets

  # S3 delivers access logs only to buckets encrypted by its own keys.
  logged_buckets = toset(["models", "data"])
}

resource "aws_s3_bucket" "main" {
  for_each = local.buckets

  bucket = each.value

  tags = {
    "mlp.dev/resource" = "bucket/${each.key}"
  }
}

resource "aws_s3_bucket_ownership_controls" "main" {
  for_each = local.buckets

  bucket = aws_s3_bucket.main[each.key].bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "main" {
  for_each = local.buckets

  bucket                  = aws_s3_bucket.main[each.key].bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "main" {
  for_each = local.buckets

  bucket = aws_s3_bucket.main[each.key].bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  for_each = local.buckets

  bucket = aws_s3_bucket.main[each.key].bucket

  rule {
    # One data key a bucket instead of one an object: cheaper by orders of magnitude.
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = contains(local.logged_buckets, each.key) ? "aws:kms" : "AES256"
      kms_master_key_id = contains(local.logged_buckets, each.key) ? aws_kms_key.main.arn : null
    }
  }
}

resource "aws_s3_bucket_policy" "main" {
  for_each = local.buckets

  bucket = aws_s3_bucket.main[each.key].bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyTls"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.bucket_arns[each.key], "${local.bucket_arns[each.key]}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      each.key != "logs" ? [] : [{
        Sid       = "AccessLogs"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${local.bucket_arns["logs"]}/*"
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.account_id }
          ArnLike      = { "aws:SourceArn" = [for key in local.logged_buckets : local.bucket_arns[key]] }
        }
      }],
    )
  })

  # S3 refuses concurrent changes to one bucket's access settings.
  depends_on = [aws_s3_bucket_public_access_block.main, aws_s3_bucket_ownership_controls.main]
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  for_each = local.buckets

  bucket = aws_s3_bucket.main[each.key].bucket

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = local.size.noncurrent_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = each.key == "logs" ? [local.size.log_retention_days] : []

    content {
      id     = "expire-logs"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  # Expiring noncurrent versions means nothing before versioning is on.
  depends_on = [aws_s3_bucket_versioning.main]
}

resource "aws_s3_bucket_logging" "main" {
  for_each = local.logged_buckets

  bucket        = aws_s3_bucket.main[each.key].bucket
  target_bucket = aws_s3_bucket.main["logs"].bucket
  target_prefix = "access/${each.key}/"

  depends_on = [aws_s3_bucket_policy.main]
}

locals {
  # Written out rather than read from the buckets, so that a plan shows whole policies.
  bucket_arns = { for key, name in local.buckets : key => "arn:${data.aws_partition.current.partition}:s3:::${name}" }
}
