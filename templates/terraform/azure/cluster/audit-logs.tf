# Control-plane logs. kube-audit-admin leaves out reads, most of the volume; prod keeps those too.
locals {
  control_plane_logs = concat(
    ["kube-audit-admin", "guard", "kube-apiserver", "cluster-autoscaler"],
    local.production ? ["kube-audit", "kube-controller-manager", "kube-scheduler"] : [],
  )
}

resource "azurerm_monitor_diagnostic_setting" "cluster" {
  name                           = "control-plane"
  target_resource_id             = azurerm_kubernetes_cluster.main.id
  log_analytics_workspace_id     = var.foundation.log_analytics_workspace_id
  log_analytics_destination_type = "Dedicated"

  dynamic "enabled_log" {
    for_each = local.control_plane_logs

    content {
      category = enabled_log.value
    }
  }
}
