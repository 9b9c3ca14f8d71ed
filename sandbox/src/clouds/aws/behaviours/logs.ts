import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { integer, requiredText, text } from '../attributes.ts'
import { arn, mustBeFree, withTags } from '../naming.ts'

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
const retentionDays = [
  0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]

const logGroup: Behaviour = {
  type: 'aws_cloudwatch_log_group',
  source: 'https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html',
  seconds: { create: 2, update: 1, delete: 1 },
  refuses: { create: ['ResourceAlreadyExistsException'], delete: [] },
  validate(configured) {
    const days = integer(configured, 'retention_in_days')
    return days === undefined || retentionDays.includes(days)
      ? []
      : [
          {
            path: 'retention_in_days',
            message: `expected retention_in_days to be one of [${retentionDays.join(' ')}], got ${days}`,
          },
        ]
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(
      scope,
      'aws_cloudwatch_log_group',
      name,
      'ResourceAlreadyExistsException',
      'The specified log group already exists',
    )
    const key = text(planned, 'kms_key_id')
    if (key !== undefined && scope.world.store.get('aws_kms_key', key.split('/').at(-1) ?? '') === undefined)
      throw new CloudError('InvalidParameterException', `The specified KMS key '${key}' could not be found.`)
    return {
      log_group_class: 'STANDARD',
      name_prefix: '',
      ...withTags(planned, scope),
      id: name,
      arn: arn(scope, 'logs', `log-group:${name}`),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}

export const logBehaviours: readonly Behaviour[] = [logGroup]
