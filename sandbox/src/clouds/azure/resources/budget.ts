import { CloudError } from '../../../behaviour.ts'
import { block, blocks, count, flag, requiredText, text, texts } from '../attributes.ts'
import { azureType } from '../azure-type.ts'

const mostNotifications = 5

/** Of a subscription: it counts what its filter says, whatever group that is in. */
export const subscriptionBudget = azureType({
  type: 'azurerm_consumption_budget_subscription',
  source:
    'https://learn.microsoft.com/rest/api/consumption/budgets/create-or-update: names of 1 to 63 letters, numbers, hyphens and underscores; at most five notifications; the first day of a month, not before June 2017; no start in the past of a month that has ended',
  seconds: { create: 5, update: 5, delete: 3 },
  name: {
    attribute: 'name',
    pattern: /^[-\w]{1,63}$/,
    text: 'must hold 1 to 63 letters, numbers, hyphens and underscores',
  },
  id: planned =>
    `${requiredText(planned, 'subscription_id')}/providers/Microsoft.Consumption/budgets/${requiredText(planned, 'name')}`,
  create(planned) {
    if (blocks(planned, 'notification').length > mostNotifications)
      throw new CloudError('400', 'The maximum number of notifications is 5.')
    const period = block(planned, 'time_period') ?? {}
    const start = requiredText(period, 'start_date')
    if (!/^\d{4}-\d{2}-01T00:00:00Z$/.test(start))
      throw new CloudError('400', 'Budget start date must be on the first of the month.')
    const end = text(period, 'end_date')
    return {
      etag: '"1"',
      // Ten years, where none is asked for.
      time_period: [
        { start_date: start, end_date: end || `${Number(start.slice(0, 4)) + 10}${start.slice(4)}` },
      ],
    }
  },
  arm: {
    type: 'Microsoft.Consumption/budgets',
    project: attributes => ({
      properties: {
        category: 'Cost',
        amount: count(attributes, 'amount'),
        timeGrain: text(attributes, 'time_grain') ?? 'Monthly',
        timePeriod: {
          startDate: text(block(attributes, 'time_period') ?? {}, 'start_date'),
          endDate: text(block(attributes, 'time_period') ?? {}, 'end_date'),
        },
        filter: filterOf(attributes),
        notifications: Object.fromEntries(
          blocks(attributes, 'notification').map(one => [
            `${text(one, 'threshold_type')}_${text(one, 'operator')}_${count(one, 'threshold')}_Percent`.toLowerCase(),
            {
              enabled: flag(one, 'enabled'),
              operator: text(one, 'operator'),
              threshold: count(one, 'threshold'),
              thresholdType: text(one, 'threshold_type'),
              contactEmails: texts(one, 'contact_emails'),
              contactRoles: texts(one, 'contact_roles'),
              contactGroups: texts(one, 'contact_groups'),
            },
          ]),
        ),
        // The subscription is billed in dollars.
        currentSpend: { amount: 0, unit: 'USD' },
      },
    }),
  },
})

/** One condition stands by itself; several are joined. */
function filterOf(attributes: Parameters<typeof blocks>[0]): object | undefined {
  const filter = block(attributes, 'filter')
  if (filter === undefined) return undefined
  const comparisons = [
    ...blocks(filter, 'dimension').map(one => ({ dimensions: comparison(one) })),
    ...blocks(filter, 'tag').map(one => ({ tags: comparison(one) })),
  ]
  return comparisons.length === 1 ? comparisons[0] : { and: comparisons }
}

function comparison(one: Parameters<typeof blocks>[0]): object {
  return {
    name: text(one, 'name'),
    operator: text(one, 'operator') ?? 'In',
    values: texts(one, 'values'),
  }
}
