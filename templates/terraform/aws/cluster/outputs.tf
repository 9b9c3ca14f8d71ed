# Facts for phase 2 and `mlp verify`. Nothing here opens anything: a token still needs an identity that may use it.

output "cluster_name" {
  description = "Name of the EKS cluster."
  value       = aws_eks_cluster.main.name
}

output "cluster_arn" {
  description = "ARN of the EKS cluster."
  value       = aws_eks_cluster.main.arn
}

output "cluster_endpoint" {
  description = "URL of the Kubernetes API."
  value       = aws_eks_cluster.main.endpoint
}

output "cluster_version" {
  description = "Kubernetes version of the control plane."
  value       = aws_eks_cluster.main.version
}

output "oidc_issuer" {
  description = "Issuer of the cluster's service account tokens."
  value       = aws_eks_cluster.main.identity[0].oidc[0].issuer
}

output "node_groups" {
  description = "Node group names by pool."
  value       = { for key, group in aws_eks_node_group.main : key => group.node_group_name }
}

output "pod_identities" {
  description = "Service accounts of namespace ml-platform and the roles they assume."
  value       = { for key, association in aws_eks_pod_identity_association.service : association.service_account => association.role_arn }
}
