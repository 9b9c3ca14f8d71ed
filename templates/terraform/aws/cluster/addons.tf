# Versions are left to EKS, which picks its default for the cluster's Kubernetes version at creation and keeps it; a
# pinned one would be wrong after every upgrade of the cluster.

locals {
  addons_before_nodes = {
    eks-pod-identity-agent = {
      identity      = null
      configuration = null
    }
    kube-proxy = {
      identity      = null
      configuration = null
    }
    vpc-cni = {
      identity = { service_account = "aws-node", role = "vpc_cni" }
      configuration = {
        enableNetworkPolicy = "true"
        env = {
          # Pods live in subnets of their own, in whole prefixes: more pods a node, fewer calls to EC2.
          AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG = "true"
          ENI_CONFIG_LABEL_DEF               = "topology.kubernetes.io/zone"
          ENABLE_PREFIX_DELEGATION           = "true"
        }
        eniConfig = {
          create = true
          region = var.region
          subnets = {
            for zone, subnet in var.foundation.pod_subnets : zone => {
              id             = subnet
              securityGroups = [aws_eks_cluster.main.vpc_config[0].cluster_security_group_id]
            }
          }
        }
      }
    }
  }

  addons_after_nodes = {
    coredns = {
      identity      = null
      configuration = null
    }
    aws-ebs-csi-driver = {
      identity = { service_account = "ebs-csi-controller-sa", role = "ebs_csi" }
      configuration = {
        # Volumes made for claims are found by teardown's sweep like everything else.
        controller = { extraVolumeTags = local.platform_tags }
      }
    }
  }
}

resource "aws_eks_addon" "before_nodes" {
  for_each = local.addons_before_nodes

  cluster_name                = aws_eks_cluster.main.name
  addon_name                  = each.key
  configuration_values        = each.value.configuration == null ? null : jsonencode(each.value.configuration)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.identity == null ? [] : [each.value.identity]

    content {
      service_account = pod_identity_association.value.service_account
      role_arn        = aws_iam_role.main[pod_identity_association.value.role].arn
    }
  }

  tags = {
    "mlp.dev/resource" = "addon/${each.key}"
  }
}

# Deployments: EKS calls them degraded until there is a node to run on.
resource "aws_eks_addon" "after_nodes" {
  for_each = local.addons_after_nodes

  cluster_name                = aws_eks_cluster.main.name
  addon_name                  = each.key
  configuration_values        = each.value.configuration == null ? null : jsonencode(each.value.configuration)
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"

  dynamic "pod_identity_association" {
    for_each = each.value.identity == null ? [] : [each.value.identity]

    content {
      service_account = pod_identity_association.value.service_account
      role_arn        = aws_iam_role.main[pod_identity_association.value.role].arn
    }
  }

  tags = {
    "mlp.dev/resource" = "addon/${each.key}"
  }

  depends_on = [aws_eks_node_group.main]
}
