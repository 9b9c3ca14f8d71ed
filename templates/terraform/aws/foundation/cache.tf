# Valkey (the open Redis) with TLS. Every service that may use it has a user of its own that logs in by IAM: there is
# no password or auth token to leak.

resource "aws_elasticache_subnet_group" "main" {
  name        = var.names.cache_group
  description = "Private subnets of ${var.names.vpc}"
  subnet_ids  = [for subnet in aws_subnet.private : subnet.id]

  tags = {
    "mlp.dev/resource" = "cache-subnet-group"
  }
}

resource "aws_security_group" "cache" {
  name        = var.names.security_groups.cache
  description = "Valkey, for pods only"
  vpc_id      = aws_vpc.main.id

  ingress {
    description = "Valkey over TLS from pods"
    protocol    = "tcp"
    from_port   = 6379
    to_port     = 6379
    cidr_blocks = values(local.pod_cidrs)
  }

  tags = {
    Name               = "${var.names.vpc}-cache"
    "mlp.dev/resource" = "security-group/cache"
  }
}

resource "aws_elasticache_user" "service" {
  for_each = { for service, grants in local.services : service => grants if grants.cache }

  # IAM authentication requires both to be the same.
  user_id   = var.names.cache_users[each.key]
  user_name = var.names.cache_users[each.key]
  engine    = "valkey"

  # Its own keys, all but administration.
  access_string = "on ~${each.key}:* +@all -@admin -@dangerous"

  authentication_mode {
    type = "iam"
  }

  tags = {
    "mlp.dev/resource" = "cache-user/${each.key}"
  }
}

resource "aws_elasticache_user_group" "main" {
  user_group_id = var.names.cache_group
  engine        = "valkey"
  user_ids      = [for user in aws_elasticache_user.service : user.user_id]

  tags = {
    "mlp.dev/resource" = "cache-user-group"
  }
}

resource "aws_elasticache_replication_group" "main" {
  count = var.dormant ? 0 : 1

  replication_group_id = var.names.cache
  description          = "Cache of ${var.names.vpc}"

  engine         = "valkey"
  engine_version = var.cache.engine_version
  node_type      = coalesce(var.cache.node_type, local.size.cache_node)
  port           = 6379

  num_cache_clusters         = 1 + local.size.cache_replicas
  automatic_failover_enabled = true
  multi_az_enabled           = true

  subnet_group_name  = aws_elasticache_subnet_group.main.name
  security_group_ids = [aws_security_group.cache.id]
  user_group_ids     = [aws_elasticache_user_group.main.user_group_id]

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.main.arn

  snapshot_retention_limit   = local.size.cache_snapshot_days
  snapshot_window            = "02:00-03:00"
  maintenance_window         = "sun:05:00-sun:06:00"
  auto_minor_version_upgrade = true
  apply_immediately          = var.environment == "dev"

  tags = {
    "mlp.dev/resource" = "cache"
  }
}
