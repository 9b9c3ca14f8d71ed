# PostgreSQL. The master password is made, kept and rotated by RDS in Secrets Manager and is never seen here; services
# log in by IAM.

resource "aws_db_subnet_group" "main" {
  name        = var.names.database_group
  description = "Private subnets of ${var.names.vpc}"
  subnet_ids  = [for subnet in aws_subnet.private : subnet.id]

  tags = {
    "mlp.dev/resource" = "db-subnet-group"
  }
}

resource "aws_db_parameter_group" "main" {
  name        = "${var.names.database_group}-pg${local.database_major}"
  description = "PostgreSQL ${local.database_major} of ${var.names.vpc}"
  family      = "postgres${local.database_major}"

  parameter {
    name         = "rds.force_ssl"
    value        = "1"
    apply_method = "immediate"
  }

  parameter {
    name         = "log_min_duration_statement"
    value        = "1000"
    apply_method = "immediate"
  }

  tags = {
    "mlp.dev/resource" = "db-parameter-group"
  }

  lifecycle {
    # A new major version needs the new group before the old one can go.
    create_before_destroy = true
  }
}

resource "aws_security_group" "database" {
  name        = var.names.security_groups.database
  description = "PostgreSQL, for pods only"
  vpc_id      = aws_vpc.main.id

  ingress {
    description = "PostgreSQL from pods"
    protocol    = "tcp"
    from_port   = 5432
    to_port     = 5432
    cidr_blocks = values(local.pod_cidrs)
  }

  tags = {
    Name               = "${var.names.vpc}-database"
    "mlp.dev/resource" = "security-group/database"
  }
}

resource "aws_db_instance" "main" {
  identifier = var.names.database

  engine         = "postgres"
  engine_version = var.database.engine_version
  instance_class = coalesce(var.database.instance_class, local.size.database_class)
  multi_az       = local.size.database_multi_az

  storage_type          = "gp3"
  allocated_storage     = coalesce(var.database.storage_gib, local.size.database_storage_gib)
  max_allocated_storage = 5 * coalesce(var.database.storage_gib, local.size.database_storage_gib)
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.main.arn

  db_name                             = var.names.database_name
  username                            = var.names.database_admin
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = aws_kms_key.main.key_id
  iam_database_authentication_enabled = true

  db_subnet_group_name   = aws_db_subnet_group.main.name
  parameter_group_name   = aws_db_parameter_group.main.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  # Backups before maintenance, both while most people sleep.
  backup_retention_period  = local.size.backup_days
  backup_window            = "03:00-03:30"
  maintenance_window       = "sun:04:00-sun:04:30"
  copy_tags_to_snapshot    = true
  delete_automated_backups = !local.size.protect

  deletion_protection       = local.size.protect
  skip_final_snapshot       = !local.size.protect
  final_snapshot_identifier = local.size.protect ? "${var.names.database}-last" : null

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = local.size.protect
  performance_insights_kms_key_id = local.size.protect ? aws_kms_key.main.arn : null
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  tags = {
    "mlp.dev/resource" = "database"
  }
}

locals {
  database_major = split(".", var.database.engine_version)[0]
}
