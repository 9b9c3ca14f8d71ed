import { CloudError } from '../../../behaviour.ts'
import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { block, blocks, flag, integer, text, textMap, texts } from '../attributes.ts'
import {
  billingAccountId,
  billingCurrency,
  mayOnBilling,
  requireBudgetRight,
} from '../behaviours/billing-account.ts'
import { notFound, type Route } from './routing.ts'

const type = 'google_billing_budget'
const account = '/v1/billingAccounts/{account}'

/** https://cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets */
export const budgetRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${account}/budgets`,
    run({ params, world }) {
      requireAccount(params['account'])
      requireBudgetRight(world, 'billing.budgets.list')
      return { budgets: world.store.list(type).map(shown) }
    },
  },
  {
    method: 'GET',
    path: `${account}/budgets/{budget}`,
    run: ({ params, world }) => shown(budgetOf(world, params)),
  },
  {
    method: 'DELETE',
    path: `${account}/budgets/{budget}`,
    run({ params, world }) {
      requireBudgetRight(world, 'billing.budgets.delete')
      world.store.delete(type, budgetOf(world, params).id)
      return {}
    },
  },
]

/** https://cloud.google.com/billing/docs/reference/rest/v1/billingAccounts */
export const billingAccountRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: account,
    run({ params }) {
      requireAccount(params['account'])
      return {
        name: `billingAccounts/${billingAccountId}`,
        displayName: 'mlp sandbox (simulated)',
        open: true,
        currencyCode: billingCurrency,
      }
    },
  },
  {
    method: 'POST',
    path: `${account}:testIamPermissions`,
    run({ params, body, world }) {
      requireAccount(params['account'])
      return { permissions: texts(body, 'permissions').filter(one => mayOnBilling(world, one)) }
    },
  },
]

function requireAccount(id: string | undefined): void {
  if (id !== billingAccountId) throw new CloudError('forbidden', 'The caller does not have permission', 403)
}

function budgetOf(world: World, params: Readonly<Record<string, string>>): StoredResource {
  requireAccount(params['account'])
  const found = world.store.get(type, `billingAccounts/${params['account']}/budgets/${params['budget']}`)
  if (found === undefined) throw notFound('Requested entity')
  return found
}

function shown({ id, attributes }: StoredResource): object {
  const filter = block(attributes, 'budget_filter')
  const amount = block(block(attributes, 'amount'), 'specified_amount')
  const rule = block(attributes, 'all_updates_rule')
  return {
    name: id,
    displayName: text(attributes, 'display_name') ?? '',
    budgetFilter: {
      projects: texts(filter, 'projects'),
      calendarPeriod: text(filter, 'calendar_period') ?? 'MONTH',
      creditTypesTreatment: text(filter, 'credit_types_treatment') ?? 'INCLUDE_ALL_CREDITS',
      labels: Object.fromEntries(
        Object.entries(textMap(filter, 'labels')).map(([key, value]) => [key, { values: [value] }]),
      ),
    },
    amount: {
      specifiedAmount: {
        currencyCode: text(amount, 'currency_code') ?? billingCurrency,
        units: text(amount, 'units') ?? '0',
        ...(integer(amount, 'nanos') ? { nanos: integer(amount, 'nanos') } : {}),
      },
    },
    thresholdRules: blocks(attributes, 'threshold_rules').map((one: Attributes) => ({
      thresholdPercent: integer(one, 'threshold_percent'),
      spendBasis: text(one, 'spend_basis') ?? 'CURRENT_SPEND',
    })),
    notificationsRule: {
      ...(flag(rule, 'disable_default_iam_recipients') ? { disableDefaultIamRecipients: true } : {}),
      ...(flag(rule, 'enable_project_level_recipients') ? { enableProjectLevelRecipients: true } : {}),
      monitoringNotificationChannels: texts(rule, 'monitoring_notification_channels'),
    },
    etag: 'BwYAAAAAAAA=',
  }
}
