# Counts what carries this platform's tag, and tells before and when it costs too much. AWS sees the tag on a bill only
# once it is activated for cost allocation: `mlp verify 8` says whether it is.
locals {
  budget_alerts = {
    half     = { type = "ACTUAL", percent = 50 }
    most     = { type = "ACTUAL", percent = 80 }
    all      = { type = "ACTUAL", percent = 100 }
    forecast = { type = "FORECASTED", percent = 100 }
  }
}

resource "aws_budgets_budget" "main" {
  count = var.budget == null ? 0 : 1

  name         = var.budget.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget.amount)
  limit_unit   = var.budget.currency

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:mlp.dev/platform-id$%s", var.platform_id)]
  }

  # An alert that reaches nobody is refused.
  dynamic "notification" {
    for_each = length(var.budget.notify) == 0 ? {} : local.budget_alerts

    content {
      comparison_operator        = "GREATER_THAN"
      notification_type          = notification.value.type
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = var.budget.notify
    }
  }

  tags = {
    "mlp.dev/resource" = "budget"
  }
}
