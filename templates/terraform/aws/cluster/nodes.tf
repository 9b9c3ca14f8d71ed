resource "aws_launch_template" "nodes" {
  for_each = local.node_groups

  name                   = var.names.launch_templates[each.key]
  description            = "Nodes ${each.key} of ${var.names.cluster}"
  update_default_version = true

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = each.value.disk_gib
      encrypted             = "true"
      delete_on_termination = "true"
    }
  }

  # IMDSv2, one hop: pods cannot borrow the node's role.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # Provider default tags do not reach what the autoscaling group launches.
  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.platform_tags, { Name = "${var.names.cluster}-${each.key}" })
    }
  }

  tags = {
    "mlp.dev/resource" = "launch-template/${each.key}"
  }
}

resource "aws_eks_node_group" "main" {
  for_each = local.node_groups

  cluster_name    = aws_eks_cluster.main.name
  node_group_name = var.names.node_groups[each.key]
  node_role_arn   = aws_iam_role.main["nodes"].arn
  subnet_ids      = local.subnet_ids

  version        = aws_eks_cluster.main.version
  ami_type       = each.value.ami_type
  capacity_type  = each.value.size.spot ? "SPOT" : "ON_DEMAND"
  instance_types = [each.value.size.type]
  labels         = each.value.labels

  launch_template {
    id      = aws_launch_template.nodes[each.key].id
    version = aws_launch_template.nodes[each.key].latest_version
  }

  scaling_config {
    min_size     = each.value.size.min
    max_size     = each.value.size.max
    desired_size = each.value.size.min
  }

  update_config {
    max_unavailable_percentage = 33
  }

  node_repair_config {
    enabled = true
  }

  dynamic "taint" {
    for_each = each.value.taints

    content {
      key    = taint.value.key
      value  = taint.value.value
      effect = taint.value.effect
    }
  }

  tags = {
    "mlp.dev/resource" = "node-group/${each.key}"
  }

  lifecycle {
    # An autoscaler owns the number of nodes after the first day.
    ignore_changes = [scaling_config[0].desired_size]
  }

  # Nodes become Ready only with a network, and lose it if its addon goes first.
  depends_on = [aws_eks_addon.before_nodes, aws_iam_role_policy_attachment.main]
}
