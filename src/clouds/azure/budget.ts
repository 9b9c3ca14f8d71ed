import * as z from 'zod'
import type { Finding } from '../../engine/check.ts'
import { alertOf, budgetFinding, budgetOf, type SeenBudget } from '../budget.ts'
import type { CloudResource } from '../cloud.ts'
import { budgetGroups } from './budget-groups.ts'
import type { AzurePlatform } from './platform.ts'

/** https://learn.microsoft.com/rest/api/consumption/budgets/get */
const budgetApiVersion = '2024-08-01'

const seenSchema = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({
    amount: z.number(),
    filter: z
      .looseObject({ dimensions: z.object({ name: z.string(), values: z.array(z.string()) }).optional() })
      .nullish(),
    notifications: z
      .record(
        z.string(),
        z.object({
          enabled: z.boolean(),
          threshold: z.number(),
          thresholdType: z.string().default('Actual'),
          contactEmails: z.array(z.string()).nullish(),
          contactRoles: z.array(z.string()).nullish(),
        }),
      )
      .default({}),
    currentSpend: z.object({ unit: z.string().optional() }).optional(),
  }),
})

function budgetId({ subscriptionId, names }: AzurePlatform): string {
  return `/subscriptions/${subscriptionId}/providers/Microsoft.Consumption/budgets/${names.base}`
}

/** See Cloud.budget. Azure takes a sum without a currency, and tells which it counts in once there is a budget. */
export function budget(platform: AzurePlatform, signal: AbortSignal): Promise<Finding> {
  const wanted = budgetOf(platform.options.config)
  return budgetFinding('azure', wanted, {
    obstacle: async () => undefined,
    seen: () => seenBudget(platform, signal),
  })
}

/** Budgets carry no tags: ours is ours by its name. */
export async function* ownBudget(platform: AzurePlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  const found = await findBudget(platform, signal)
  if (found === undefined) return
  yield {
    type: 'azurerm_consumption_budget_subscription',
    id: budgetId(platform),
    name: found.name,
    holdsData: false,
  }
}

async function findBudget(platform: AzurePlatform, signal: AbortSignal) {
  const arm = await platform.arm()
  return arm.get(budgetId(platform), budgetApiVersion, seenSchema, signal)
}

async function seenBudget(platform: AzurePlatform, signal: AbortSignal): Promise<SeenBudget | undefined> {
  const found = await findBudget(platform, signal)
  if (found === undefined) return undefined
  const { amount, filter, notifications, currentSpend } = found.properties
  const alerts = Object.values(notifications).filter(({ enabled }) => enabled)
  const groups = filter?.dimensions?.name === 'ResourceGroupName' ? filter.dimensions.values : []
  const lower = (names: readonly string[]) => names.map(name => name.toLowerCase()).sort()
  return {
    name: found.name,
    amount,
    currency: currentSpend?.unit,
    alerts: alerts.flatMap(
      ({ threshold, thresholdType }) => alertOf(threshold, thresholdType === 'Forecasted') ?? [],
    ),
    isOurs: lower(groups).join() === lower(budgetGroups(platform.names)).join(),
    told: [
      ...new Set(
        alerts.flatMap(({ contactEmails, contactRoles }) => [
          ...(contactEmails ?? []),
          ...(contactRoles ?? []).map(role => `role ${role}`),
        ]),
      ),
    ],
  }
}
