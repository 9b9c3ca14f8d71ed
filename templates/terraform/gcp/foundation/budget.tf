# Counts what carries this platform's label. What Google bills without labels (some of the network's traffic, support)
# is not among it. Administrators of the billing account and owners of the project are told. Whether this identity may
# make one on the billing account is asked before (`TF_VAR_may_make_budget`): without it the platform goes on.
resource "google_billing_budget" "main" {
  count = var.budget == null || !var.may_make_budget ? 0 : 1

  billing_account = data.google_project.current.billing_account
  display_name    = var.budget.name

  budget_filter {
    projects        = ["projects/${data.google_project.current.number}"]
    labels          = { "mlp-platform-id" = var.labels["mlp-platform-id"] }
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(floor(var.budget.amount))
      nanos         = floor((var.budget.amount - floor(var.budget.amount)) * 100 + 0.5) * 10000000
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.8, 1.0]

    content {
      threshold_percent = threshold_rules.value
      spend_basis       = "CURRENT_SPEND"
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    enable_project_level_recipients = true
  }
}
