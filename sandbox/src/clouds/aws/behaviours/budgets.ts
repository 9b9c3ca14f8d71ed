import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { objects, requiredText, text, texts } from '../attributes.ts'
import { globalArn, mustBeFree, withTags } from '../naming.ts'

const mostNotifications = 10

/** A budget's notifications are part of it in terraform, and things of their own in AWS's API. */
const budget: Behaviour = {
  type: 'aws_budgets_budget',
  source:
    'https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/budgets_budget; names, limits and refusals: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html',
  seconds: { create: 2, update: 2, delete: 1 },
  refuses: { create: ['DuplicateRecordException'], delete: [] },
  validate(configured) {
    const name = text(configured, 'name')
    return name === undefined || /^[^:\\]{1,100}$/.test(name)
      ? []
      : [{ path: 'name', message: 'invalid value for name: at most 100 characters, and no : or \\' }]
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    const account = scope.world.secrets.awsAccountId
    const id = `${account}:${name}`
    mustBeFree(
      scope,
      this.type,
      id,
      'DuplicateRecordException',
      `Error creating budget: ${name} - the budget already exists.`,
    )
    refuseNotifications(planned)
    const unit = text(planned, 'limit_unit')
    if (unit !== undefined && unit !== 'USD')
      throw new CloudError(
        'InvalidParameterException',
        `Unit ${unit} is not the currency of this account: USD`,
      )
    return {
      name_prefix: '',
      ...withTags(planned, scope),
      id,
      arn: globalArn(scope.world, 'budgets', `budget/${name}`),
      account_id: account,
      time_period_start: text(planned, 'time_period_start') ?? monthStart(new Date()),
      // AWS fills in what is to be counted: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CostTypes.html
      cost_types: [
        {
          include_credit: true,
          include_discount: true,
          include_other_subscription: true,
          include_recurring: true,
          include_refund: true,
          include_subscription: true,
          include_support: true,
          include_tax: true,
          include_upfront: true,
          use_amortized: false,
          use_blended: false,
        },
      ],
    }
  },
  async update(prior, planned, scope) {
    refuseNotifications(planned)
    return { ...prior, ...withTags(planned, scope) }
  },
}

function refuseNotifications(planned: Parameters<typeof objects>[0]): void {
  const all = objects(planned, 'notification')
  if (all.length > mostNotifications)
    throw new CloudError('CreationLimitExceededException', 'Max number of notifications exceeded.')
  const silent = all.some(
    one =>
      [...texts(one, 'subscriber_email_addresses'), ...texts(one, 'subscriber_sns_topic_arns')].length === 0,
  )
  if (silent)
    throw new CloudError('InvalidParameterException', 'Notification must have at least one subscriber.')
}

/** As the provider writes it: `2026-11-01_00:00`. */
function monthStart(now: Date): string {
  return `${now.toISOString().slice(0, 7)}-01_00:00`
}

export const budgetBehaviours: readonly Behaviour[] = [budget]
