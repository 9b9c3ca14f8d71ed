import * as z from 'zod'
import { platformIdKey } from '../../config/names.ts'
import type { Finding } from '../../engine/check.ts'
import { MlpError } from '../../engine/errors.ts'
import { parseJson } from '../../engine/json.ts'
import { alertOf, budgetFinding, budgetOf, type Obstacle, type SeenBudget } from '../budget.ts'
import type { CloudResource } from '../cloud.ts'
import { currencyObstacle } from './budget-wanted.ts'
import { callJson } from './json-call.ts'
import { type AwsPlatform, ask, find, isOurs } from './platform.ts'

/** https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Operations_AWS_Budgets.html */
const budgets = { name: 'budgets', host: 'budgets.amazonaws.com', target: 'AWSBudgetServiceGateway' } as const
const costExplorer = {
  name: 'ce',
  host: 'ce.us-east-1.amazonaws.com',
  target: 'AWSInsightsIndexService',
} as const

const listed = z.object({
  BudgetName: z.string(),
  BudgetLimit: z.object({ Amount: z.string().transform(Number), Unit: z.string() }).optional(),
  CostFilters: z.record(z.string(), z.array(z.string())).default({}),
})
const oneBudget = z.object({ Budget: listed })
const tagList = z.object({
  ResourceTags: z.array(z.object({ Key: z.string(), Value: z.string() })).default([]),
})
const notification = z.object({
  NotificationType: z.string(),
  ComparisonOperator: z.string(),
  Threshold: z.number(),
  ThresholdType: z.string().optional(),
})
const notifications = z.object({ Notifications: z.array(notification).default([]) })
const subscribers = z.object({ Subscribers: z.array(z.object({ Address: z.string() })).default([]) })
const costTags = z.object({
  CostAllocationTags: z.array(z.object({ TagKey: z.string(), Status: z.string() })).default([]),
})

/** See Cloud.budget. */
export async function budget(platform: AwsPlatform, signal: AbortSignal): Promise<Finding> {
  const wanted = budgetOf(platform.config)
  return budgetFinding('aws', wanted, {
    obstacle: async () => (wanted === undefined ? undefined : currencyObstacle(wanted)),
    seen: () => seenBudget(platform, signal),
    blind: () => inactiveTag(platform, signal),
  })
}

/** The budget under our name that carries our tag. */
export async function* ownBudget(platform: AwsPlatform, signal: AbortSignal): AsyncIterable<CloudResource> {
  if (!(await hasOwnBudget(platform, signal))) return
  const name = platform.names.base
  yield { type: 'aws_budgets_budget', id: arnOf(platform), name, holdsData: false }
}

/** Whether the budget of our name is there and ours. */
export async function hasOwnBudget(platform: AwsPlatform, signal: AbortSignal): Promise<boolean> {
  if ((await findBudget(platform, signal)) === undefined) return false
  const tags = await call(platform, 'ListTagsForResource', { ResourceARN: arnOf(platform) }, tagList, signal)
  return isOurs(platform, tags?.ResourceTags)
}

const arnOf = ({ aws, names }: AwsPlatform) => `arn:aws:budgets::${aws.accountId}:budget/${names.base}`

async function findBudget(platform: AwsPlatform, signal: AbortSignal) {
  return (await call(platform, 'DescribeBudget', identity(platform), oneBudget, signal))?.Budget
}

const identity = ({ aws, names }: AwsPlatform) => ({ AccountId: aws.accountId, BudgetName: names.base })

async function seenBudget(platform: AwsPlatform, signal: AbortSignal): Promise<SeenBudget | undefined> {
  const found = await findBudget(platform, signal)
  if (found === undefined) return undefined
  const its = identity(platform)
  const all = await call(platform, 'DescribeNotificationsForBudget', its, notifications, signal)
  const own = (all?.Notifications ?? []).filter(
    ({ ComparisonOperator, ThresholdType = 'PERCENTAGE' }) =>
      ComparisonOperator === 'GREATER_THAN' && ThresholdType === 'PERCENTAGE',
  )
  const told = await Promise.all(
    own.map(async Notification => {
      const asked = { ...its, Notification }
      const answer = await call(platform, 'DescribeSubscribersForNotification', asked, subscribers, signal)
      return (answer?.Subscribers ?? []).map(({ Address }) => Address)
    }),
  )
  const wantedFilter = `user:${platformIdKey.aws}$${platform.platformId}`
  const filters = Object.entries(found.CostFilters)
  return {
    name: found.BudgetName,
    amount: found.BudgetLimit?.Amount ?? 0,
    currency: found.BudgetLimit?.Unit,
    alerts: own.flatMap(
      ({ Threshold, NotificationType }) => alertOf(Threshold, NotificationType === 'FORECASTED') ?? [],
    ),
    isOurs:
      filters.length === 1 &&
      filters.every(([name, values]) => name === 'TagKeyValue' && values.join() === wantedFilter),
    told: [...new Set(told.flat())],
  }
}

/**
 * Costs carry a tag only once it is activated for cost allocation, in the account that pays; what was spent before is
 * not counted. https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/activating-tags.html
 */
async function inactiveTag(platform: AwsPlatform, signal: AbortSignal): Promise<Obstacle | undefined> {
  const key = platformIdKey.aws
  const activate = `aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey=${key},Status=Active`
  const remedy = [
    `In the account that pays: ${activate}`,
    'AWS knows a tag there up to 24 hours after its first use, and counts from the day it is activated.',
  ]
  const found = await costTag(platform, key, signal)
  if (found === 'Active') return undefined
  return {
    detail:
      found === undefined
        ? `the budget stands, but may count nothing: AWS does not say that the tag ${key} is activated for cost allocation`
        : `the budget stands, but counts nothing: the tag ${key} is not activated for cost allocation`,
    remedy,
  }
}

/** Undefined where it is not known, or this account may not ask: in an organisation that is the paying one's right. */
async function costTag(platform: AwsPlatform, key: string, signal: AbortSignal): Promise<string | undefined> {
  const what = 'asking for the cost allocation tag (ListCostAllocationTags)'
  try {
    const text = await ask(what, () =>
      callJson(platform, costExplorer, 'ListCostAllocationTags', { TagKeys: [key] }, signal),
    )
    const answer = costTags.safeParse(parseJson(text))
    return answer.data?.CostAllocationTags.find(({ TagKey }) => TagKey === key)?.Status
  } catch (error) {
    if (error instanceof MlpError && error.code === 'MLP3003') return undefined
    throw error
  }
}

async function call<Answer extends z.ZodType>(
  platform: AwsPlatform,
  operation: string,
  input: object,
  answer: Answer,
  signal: AbortSignal,
): Promise<z.output<Answer> | undefined> {
  const what = `asking for the budget (${operation})`
  const text = await find(what, () => callJson(platform, budgets, operation, input, signal))
  return text === undefined ? undefined : await ask(what, async () => answer.parse(parseJson(text)))
}
