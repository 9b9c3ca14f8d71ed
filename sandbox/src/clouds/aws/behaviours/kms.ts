import { randomUUID } from 'node:crypto'
import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { integer, requiredText, text } from '../attributes.ts'
import { arn, mustBeFree, mustExist, parseJson, withTags } from '../naming.ts'
import { isPolicyDocument } from '../policy.ts'

/** Where keys wait out their deletion window; KMS still describes them, as PendingDeletion. */
export const pendingKeyType = 'sandbox:kms-key-pending-deletion'

const key: Behaviour = {
  type: 'aws_kms_key',
  source:
    'https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html, API_ScheduleKeyDeletion.html: a deleted key waits 7 to 30 days',
  seconds: { create: 8, update: 4, delete: 1 },
  refuses: { create: [], delete: [] },
  validate(configured) {
    const days = integer(configured, 'deletion_window_in_days')
    if (days !== undefined && (days < 7 || days > 30))
      return [
        {
          path: 'deletion_window_in_days',
          message: `expected deletion_window_in_days to be in the range (7 - 30), got ${days}`,
        },
      ]
    return []
  },
  async create(planned, scope) {
    const id = randomUUID()
    const policy = text(planned, 'policy')
    if (policy !== undefined && !isPolicyDocument(policy))
      throw new CloudError(
        'MalformedPolicyDocumentException',
        'Policy contains a statement with invalid syntax',
      )
    if (policy !== undefined && !JSON.stringify(parseJson(policy)).includes('kms:*'))
      throw new CloudError(
        'MalformedPolicyDocumentException',
        'The new key policy will not allow you to update the key policy in the future.',
      )
    return {
      multi_region: false,
      rotation_period_in_days: planned['enable_key_rotation'] === true ? 365 : 0,
      description: '',
      policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'Enable IAM User Permissions',
            Effect: 'Allow',
            Principal: { AWS: `arn:aws:iam::${scope.world.secrets.awsAccountId}:root` },
            Action: 'kms:*',
            Resource: '*',
          },
        ],
      }),
      ...withTags(planned, scope),
      id,
      key_id: id,
      arn: arn(scope, 'kms', `key/${id}`),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const days = integer(prior, 'deletion_window_in_days') ?? 30
    scope.world.store.put(pendingKeyType, requiredText(prior, 'id'), {
      ...prior,
      deletion_date: new Date(Date.now() + days * 86_400_000).toISOString(),
    })
  },
}

const alias: Behaviour = {
  type: 'aws_kms_alias',
  source: 'https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: ['AlreadyExistsException'], delete: [] },
  validate(configured) {
    const name = text(configured, 'name')
    if (name !== undefined && (!/^alias\/[a-zA-Z0-9/_-]{1,250}$/.test(name) || name.startsWith('alias/aws/')))
      return [
        { path: 'name', message: "name must begin with 'alias/' and be comprised of only [a-zA-Z0-9/_-]" },
      ]
    return []
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(
      scope,
      'aws_kms_alias',
      name,
      'AlreadyExistsException',
      `An alias with the name ${arn(scope, 'kms', name)} already exists`,
    )
    return {
      name_prefix: '',
      ...planned,
      id: name,
      arn: arn(scope, 'kms', name),
      target_key_arn: keyArn(planned),
    }

    function keyArn(attributes: typeof planned): string {
      const id = requiredText(attributes, 'target_key_id').split('/').at(-1)
      const found = mustExist(
        scope,
        'aws_kms_key',
        id,
        'NotFoundException',
        `Key '${arn(scope, 'kms', `key/${id}`)}' does not exist`,
      )
      return requiredText(found.attributes, 'arn')
    }
  },
  recomputedOn: { target_key_arn: ['target_key_id'] },
  async update(prior, planned, scope) {
    const id = requiredText(planned, 'target_key_id').split('/').at(-1)
    const found = mustExist(scope, 'aws_kms_key', id, 'NotFoundException', `Key ${id} does not exist`)
    return { ...prior, ...planned, target_key_arn: requiredText(found.attributes, 'arn') }
  },
}

export const kmsBehaviours: readonly Behaviour[] = [key, alias]
