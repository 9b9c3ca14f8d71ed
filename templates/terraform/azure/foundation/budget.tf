# Counts what is in this platform's groups: its own, that of the cluster's machines, and the one of the state. Not by
# tags: what Kubernetes makes there (disks, addresses) carries none. The sum is in the currency that the subscription is
# billed in. Owners of the subscription are told as well.
locals {
  budget_alerts = {
    half     = { type = "Actual", percent = 50 }
    most     = { type = "Actual", percent = 80 }
    all      = { type = "Actual", percent = 100 }
    forecast = { type = "Forecasted", percent = 100 }
  }
}

resource "azurerm_consumption_budget_subscription" "main" {
  count = var.budget == null ? 0 : 1

  name            = var.budget.name
  subscription_id = "/subscriptions/${var.subscription_id}"
  amount          = var.budget.amount
  time_grain      = "Monthly"

  time_period {
    start_date = formatdate("YYYY-MM-01'T'00:00:00'Z'", plantimestamp())
  }

  filter {
    dimension {
      name   = "ResourceGroupName"
      values = var.budget.groups
    }
  }

  dynamic "notification" {
    for_each = local.budget_alerts

    content {
      operator       = "GreaterThan"
      threshold      = notification.value.percent
      threshold_type = notification.value.type
      contact_emails = var.budget.notify
      contact_roles  = ["Owner"]
    }
  }

  lifecycle {
    # It counts since it was made; each plan has another month.
    ignore_changes = [time_period]
  }
}
