import * as z from 'zod'
import { platformIdKey } from '../../config/names.ts'
import type { Finding } from '../../engine/check.ts'
import { MlpError } from '../../engine/errors.ts'
import { alertOf, budgetFinding, budgetOf, type Obstacle, otherCurrency, type SeenBudget } from '../budget.ts'
import type { CloudResource } from '../cloud.ts'
import type { GcpPlatform } from './platform.ts'

/** https://cloud.google.com/billing/docs/how-to/budget-api-access-control */
const needed = [
  'billing.budgets.create',
  'billing.budgets.delete',
  'billing.budgets.get',
  'billing.budgets.update',
] as const
export const budgetRole = 'roles/billing.costsManager'

const billingInfo = z.object({ billingAccountName: z.string().default('') })
const account = z.object({ currencyCode: z.string().optional() })
const allowed = z.object({ permissions: z.array(z.string()).default([]) })
/** https://cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets */
const listed = z.object({
  name: z.string(),
  displayName: z.string().default(''),
  budgetFilter: z
    .object({
      projects: z.array(z.string()).default([]),
      labels: z.record(z.string(), z.object({ values: z.array(z.string()).default([]) })).default({}),
    })
    .prefault({}),
  amount: z
    .object({
      specifiedAmount: z
        .object({
          currencyCode: z.string().optional(),
          units: z.string().default('0'),
          nanos: z.number().default(0),
        })
        .optional(),
    })
    .prefault({}),
  thresholdRules: z
    .array(z.object({ thresholdPercent: z.number(), spendBasis: z.string().default('CURRENT_SPEND') }))
    .default([]),
  notificationsRule: z
    .object({
      disableDefaultIamRecipients: z.boolean().default(false),
      enableProjectLevelRecipients: z.boolean().default(false),
      monitoringNotificationChannels: z.array(z.string()).default([]),
    })
    .prefault({}),
})
type Listed = z.output<typeof listed>

/** See Cloud.budget. */
export function budget(platform: GcpPlatform, signal: AbortSignal): Promise<Finding> {
  return budgetFinding('gcp', budgetOf(platform.config), {
    obstacle: () => budgetObstacle(platform, signal),
    seen: async () => {
      const found = await findBudget(platform, signal)
      return found === undefined ? undefined : seen(platform, found)
    },
  })
}

/** Why there can be no budget here: rights on the billing account are often a finance team's, not the project's. */
export async function budgetObstacle(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<Obstacle | undefined> {
  const wanted = budgetOf(platform.config)
  if (wanted === undefined) return undefined
  const billing = await billingAccount(platform, signal)
  if (billing === undefined)
    return { detail: `project ${platform.project} has no billing account`, remedy: ['mlp doctor'] }
  const [missing, currency] = await Promise.all([
    missingRights(platform, billing, signal),
    currencyOf(platform, billing, signal),
  ])
  if (missing.length > 0)
    return {
      detail: `no budget can be made: this identity lacks ${missing.join(', ')} on ${billing}`,
      remedy: [
        `Whoever administers it: gcloud billing accounts add-iam-policy-binding ${billing.split('/')[1]} --member=MEMBER --role=${budgetRole}`,
        'Then run mlp phase 1 --cloud gcp.',
      ],
    }
  return currency === undefined ? undefined : otherCurrency('Google Cloud', currency, wanted)
}

/** The budget of our name, or nothing where this identity may not look: then it has made none. */
export async function* ownBudget(platform: GcpPlatform, signal: AbortSignal): AsyncGenerator<CloudResource> {
  const found = await unlessDenied(() => findBudget(platform, signal))
  if (found === undefined) return
  yield { type: 'google_billing_budget', id: found.name, name: found.displayName, holdsData: false }
}

/** terraform's import id of it. */
export async function existingBudget(
  platform: GcpPlatform,
  signal: AbortSignal,
): Promise<string | undefined> {
  return (await findBudget(platform, signal))?.name
}

async function findBudget(platform: GcpPlatform, signal: AbortSignal): Promise<Listed | undefined> {
  const billing = await billingAccount(platform, signal)
  if (billing === undefined) return undefined
  const request = {
    service: 'billingbudgets',
    path: `/v1/${billing}/budgets`,
    field: 'budgets',
    item: listed,
  } as const
  for await (const found of platform.rest.list(request, signal)) if (isOurs(platform, found)) return found
  return undefined
}

/** Of several platforms on one account, the label says whose it is. */
function isOurs({ platformId }: GcpPlatform, { budgetFilter }: Listed): boolean {
  return budgetFilter.labels[platformIdKey.gcp]?.values.includes(platformId) === true
}

function seen(platform: GcpPlatform, found: Listed): SeenBudget {
  const { specifiedAmount: amount } = found.amount
  const rule = found.notificationsRule
  const { labels, projects } = found.budgetFilter
  return {
    name: found.displayName,
    amount: Number(amount?.units ?? 0) + (amount?.nanos ?? 0) / 1e9,
    currency: amount?.currencyCode,
    alerts: found.thresholdRules.flatMap(
      ({ thresholdPercent, spendBasis }) =>
        alertOf(Math.round(thresholdPercent * 100), spendBasis === 'FORECASTED_SPEND') ?? [],
    ),
    isOurs: isOurs(platform, found) && Object.keys(labels).length === 1 && projects.length === 1,
    told: [
      ...(rule.disableDefaultIamRecipients ? [] : ['administrators of the billing account']),
      ...(rule.enableProjectLevelRecipients ? ['owners of the project'] : []),
      ...rule.monitoringNotificationChannels,
    ],
  }
}

/** `billingAccounts/…` */
async function billingAccount(
  { rest, project }: GcpPlatform,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `/v1/projects/${project}/billingInfo`
  const { billingAccountName } = await rest.call(
    { service: 'cloudbilling', path, answer: billingInfo },
    signal,
  )
  return billingAccountName === '' ? undefined : billingAccountName
}

async function missingRights(
  { rest }: GcpPlatform,
  billing: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const answer = await unlessDenied(() =>
    rest.call(
      {
        method: 'POST',
        service: 'cloudbilling',
        path: `/v1/${billing}:testIamPermissions`,
        body: { permissions: needed },
        answer: allowed,
        isRepeatable: true,
      },
      signal,
    ),
  )
  return needed.filter(permission => answer?.permissions.includes(permission) !== true)
}

async function currencyOf(
  { rest }: GcpPlatform,
  billing: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const asked = { service: 'cloudbilling', path: `/v1/${billing}`, answer: account } as const
  return (await unlessDenied(() => rest.call(asked, signal)))?.currencyCode
}

async function unlessDenied<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    // MLP3009: where the API is off, nobody has made any.
    if (error instanceof MlpError && (error.code === 'MLP3003' || error.code === 'MLP3009')) return undefined
    throw error
  }
}
