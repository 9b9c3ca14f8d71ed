# Each service's account in the namespace it runs in assumes its foundation role through the Pod Identity agent; no
# credential ever becomes a Kubernetes Secret.
resource "aws_eks_pod_identity_association" "service" {
  for_each = var.foundation.service_role_arns

  cluster_name    = aws_eks_cluster.main.name
  namespace       = each.key == "model-serving" ? "ml-serving" : "ml-platform"
  service_account = each.key
  role_arn        = each.value

  tags = {
    "mlp.dev/resource" = "pod-identity/${each.key}"
  }
}
