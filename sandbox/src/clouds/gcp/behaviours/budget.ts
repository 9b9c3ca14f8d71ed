import { randomUUID } from 'node:crypto'
import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { block, requiredText, text } from '../attributes.ts'
import { deletionPolicy } from '../google.ts'
import { billingAccountId, billingCurrency, requireBudgetRight } from './billing-account.ts'

/** Names are the account's to give, so that there may be any number of the same title. */
export const billingBudget: Behaviour = {
  type: 'google_billing_budget',
  source: 'https://cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets',
  seconds: { create: 3, update: 2, delete: 2 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    const account = requiredText(planned, 'billing_account').replace(/^billingAccounts\//, '')
    if (account !== billingAccountId)
      throw new CloudError('forbidden', 'The caller does not have permission', 403)
    requireBudgetRight(scope.world, 'billing.budgets.create')
    const currency = text(block(block(planned, 'amount'), 'specified_amount'), 'currency_code')
    if (currency !== undefined && currency !== billingCurrency)
      throw new CloudError('invalidArgument', 'Request contains an invalid argument: currency code.')
    const name = randomUUID()
    return {
      ...planned,
      id: `billingAccounts/${account}/budgets/${name}`,
      name,
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: prior => prior['deletion_policy'] === 'ABANDON',
}
