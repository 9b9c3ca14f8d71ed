# Phase 6: whom a job of the pipeline becomes on AWS. GitHub vouches for it by a token of minutes; no key is kept.

locals {
  platform_tags = {
    "mlp.dev/platform-id" = var.platform_id
    project               = var.project
    environment           = var.environment
    owner                 = var.owner
  }

  issuer       = "token.actions.githubusercontent.com"
  provider_arn = var.provider_is_there ? "arn:${data.aws_partition.current.partition}:iam::${var.account_id}:oidc-provider/${local.issuer}" : aws_iam_openid_connect_provider.github[0].arn
}

data "aws_partition" "current" {}

# One an account: where another platform, or somebody else, has made it, it is theirs.
resource "aws_iam_openid_connect_provider" "github" {
  count = var.provider_is_there ? 0 : 1

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]

  tags = {
    "mlp.dev/resource" = "oidc-provider/github"
  }
}

# deploy changes what runs; read only asks.
resource "aws_iam_role" "pipeline" {
  for_each = var.subjects

  name                 = var.names.roles[each.key]
  description          = "${each.key} by the pipeline of ${var.project}, ${var.environment}"
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = each.value
        }
      }
    }]
  })

  tags = {
    "mlp.dev/resource" = "role/pipeline-${each.key}"
  }
}

resource "aws_iam_role_policy" "pipeline" {
  for_each = var.subjects

  name   = "pipeline"
  role   = aws_iam_role.pipeline[each.key].name
  policy = jsonencode(var.policies[each.key])
}

# In the cluster it is a member of a group, whose rights mlp gives by Kubernetes' own roles.
resource "aws_eks_access_entry" "pipeline" {
  for_each = var.subjects

  cluster_name      = var.names.cluster
  principal_arn     = aws_iam_role.pipeline[each.key].arn
  kubernetes_groups = ["mlp:pipeline-${each.key}"]

  tags = {
    "mlp.dev/resource" = "access-entry/pipeline-${each.key}"
  }
}

output "identities" {
  description = "By purpose: what a job is told, and as whom the cluster knows it."
  value = {
    for purpose, role in aws_iam_role.pipeline : purpose => {
      variables = { AWS_ROLE_ARN = role.arn }
      subject   = { kind = "Group", name = "mlp:pipeline-${purpose}" }
    }
  }

  depends_on = [aws_iam_role_policy.pipeline, aws_eks_access_entry.pipeline]
}
