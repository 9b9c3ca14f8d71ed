import { CloudError } from '../../../behaviour.ts'
import type { Attributes, StoredResource } from '../../../store/resource-store.ts'
import type { World } from '../../../world.ts'
import { integer, isObject, objects, requiredText, text, texts } from '../attributes.ts'
import { tagsOf } from '../naming.ts'
import type { Operation } from './operation.ts'

const type = 'aws_budgets_budget'
const costTags = 'aws/cost-allocation-tags'

/** https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Operations_AWS_Budgets.html */
export const budgetOperations: Readonly<Record<string, Operation>> = {
  DescribeBudgets: (input, { world }) => ({ Budgets: budgetsIn(input, world).map(shown) }),
  DescribeBudget: (input, { world }) => ({ Budget: shown(budgetOf(input, world)) }),
  DescribeNotificationsForBudget: (input, { world }) => ({
    Notifications: objects(budgetOf(input, world).attributes, 'notification').map(shownNotification),
  }),
  DescribeSubscribersForNotification: (input, { world }) => {
    const asked = isObject(input['Notification']) ? input['Notification'] : {}
    const found = objects(budgetOf(input, world).attributes, 'notification').find(
      one =>
        text(one, 'notification_type') === text(asked, 'NotificationType') &&
        integer(one, 'threshold') === integer(asked, 'Threshold'),
    )
    if (found === undefined) throw notFound('the notification')
    return {
      Subscribers: texts(found, 'subscriber_email_addresses').map(Address => ({
        SubscriptionType: 'EMAIL',
        Address,
      })),
    }
  },
  ListTagsForResource: (input, { world }) => {
    const arn = text(input, 'ResourceARN')
    const found = world.store.list(type).find(({ attributes }) => attributes['arn'] === arn)
    if (found === undefined) throw notFound('the resource')
    return { ResourceTags: Object.entries(tagsOf(found)).map(([Key, Value]) => ({ Key, Value })) }
  },
  DeleteBudget: (input, { world }) => {
    world.store.delete(type, budgetOf(input, world).id)
    return {}
  },
}

/** https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_ListCostAllocationTags.html: off until somebody activates them. */
export const costExplorerOperations: Readonly<Record<string, Operation>> = {
  ListCostAllocationTags: (input, { world }) => {
    const asked = texts(input, 'TagKeys')
    const used = new Set(world.store.all().flatMap(resource => Object.keys(tagsOf(resource))))
    return {
      CostAllocationTags: [...used]
        .filter(key => asked.length === 0 || asked.includes(key))
        .map(TagKey => ({
          TagKey,
          Type: 'UserDefined',
          Status: world.store.getFact(costTags, TagKey) === 'Active' ? 'Active' : 'Inactive',
        })),
    }
  },
  UpdateCostAllocationTagsStatus: (input, { world }) => {
    for (const one of objects(input, 'CostAllocationTagsStatus'))
      world.store.putFact(costTags, text(one, 'TagKey') ?? '', text(one, 'Status') ?? '')
    return { Errors: [] }
  },
}

/** What IAM calls the right to it: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html */
export function budgetRight(operation: string): string {
  if (operation === 'ListTagsForResource') return 'budgets:ListTagsForResource'
  return operation.startsWith('Describe') ? 'budgets:ViewBudget' : 'budgets:ModifyBudget'
}

function budgetsIn(input: Attributes, world: World): readonly StoredResource[] {
  requireAccount(input, world)
  return world.store.list(type)
}

function budgetOf(input: Attributes, world: World): StoredResource {
  requireAccount(input, world)
  const name = text(input, 'BudgetName') ?? ''
  const found = world.store.get(type, `${world.secrets.awsAccountId}:${name}`)
  if (found === undefined) throw notFound(`the budget: ${name}`)
  return found
}

function requireAccount(input: Attributes, { secrets }: World): void {
  if (text(input, 'AccountId') === secrets.awsAccountId) return
  throw new CloudError(
    'AccessDeniedException',
    `Account ${text(input, 'AccountId')} is not the one that these credentials are of.`,
  )
}

function notFound(what: string): CloudError {
  return new CloudError('NotFoundException', `Unable to get ${what} - it does not exist.`)
}

function shown({ attributes }: StoredResource): object {
  const start = text(attributes, 'time_period_start') ?? '2026-01-01_00:00'
  return {
    BudgetName: requiredText(attributes, 'name'),
    BudgetType: text(attributes, 'budget_type'),
    TimeUnit: text(attributes, 'time_unit'),
    BudgetLimit: { Amount: text(attributes, 'limit_amount'), Unit: text(attributes, 'limit_unit') },
    CostFilters: Object.fromEntries(
      objects(attributes, 'cost_filter').map(one => [requiredText(one, 'name'), texts(one, 'values')]),
    ),
    TimePeriod: { Start: Date.parse(`${start.replace('_', 'T')}Z`) / 1000, End: 3_706_473_600 },
    CalculatedSpend: { ActualSpend: { Amount: '0.0', Unit: text(attributes, 'limit_unit') } },
  }
}

function shownNotification(one: Attributes): object {
  return {
    NotificationType: text(one, 'notification_type'),
    ComparisonOperator: text(one, 'comparison_operator'),
    Threshold: integer(one, 'threshold'),
    ThresholdType: text(one, 'threshold_type'),
    NotificationState: 'OK',
  }
}
