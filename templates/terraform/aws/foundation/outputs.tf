# Facts for the cluster root, the services and `mlp verify`. Nothing here opens anything.

output "vpc_id" {
  description = "The platform's VPC."
  value       = aws_vpc.main.id
}

output "private_subnet_ids" {
  description = "Subnets of nodes, by zone key."
  value       = { for key, subnet in aws_subnet.private : key => subnet.id }
}

output "pod_subnets" {
  description = "Subnets of pods, by zone name: what the VPC CNI's ENIConfigs need."
  value       = { for key, subnet in aws_subnet.pods : subnet.availability_zone => subnet.id }
}

output "kms_key_arn" {
  description = "The key of the platform's data."
  value       = aws_kms_key.main.arn
}

output "database" {
  description = "Where PostgreSQL listens, and where RDS keeps the master password."
  value = {
    identifier = aws_db_instance.main.identifier
    host       = aws_db_instance.main.address
    port       = aws_db_instance.main.port
    name       = aws_db_instance.main.db_name
    secret_arn = aws_db_instance.main.master_user_secret[0].secret_arn
  }
}

output "cache" {
  description = "Where Valkey listens (TLS only), and each service's user; null while dormant."
  value = var.dormant ? null : {
    host  = aws_elasticache_replication_group.main[0].primary_endpoint_address
    port  = aws_elasticache_replication_group.main[0].port
    users = { for service, user in aws_elasticache_user.service : service => user.user_name }
  }
}

output "buckets" {
  description = "Bucket names by purpose."
  value       = { for key, bucket in aws_s3_bucket.main : key => bucket.bucket }
}

output "repositories" {
  description = "Where each service's images are pushed."
  value       = { for service, repository in aws_ecr_repository.service : service => repository.repository_url }
}

output "service_role_arns" {
  description = "The role each service account assumes."
  value       = { for service, role in aws_iam_role.service : service => role.arn }
}
