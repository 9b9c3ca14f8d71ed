import { type Behaviour, type BehaviourScope, CloudError } from '../../../behaviour.ts'
import { requiredText, text } from '../attributes.ts'
import { globalArn, mustBeFree, mustExist, upperId, withTags } from '../naming.ts'
import { isPolicyDocument } from '../policy.ts'

const role: Behaviour = {
  type: 'aws_iam_role',
  source: 'https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html, API_DeleteRole.html',
  seconds: { create: 2, update: 1, delete: 2 },
  refuses: { create: ['EntityAlreadyExists'], delete: ['DeleteConflict'] },
  validate(configured) {
    const name = text(configured, 'name')
    if (name !== undefined && !/^[\w+=,.@-]{1,64}$/.test(name))
      return [
        {
          path: 'name',
          message: 'invalid value for name (must match [\\w+=,.@-] and have 1 to 64 characters)',
        },
      ]
    const policy = text(configured, 'assume_role_policy')
    if (policy !== undefined && !isPolicyDocument(policy))
      return [{ path: 'assume_role_policy', message: '"assume_role_policy" contains an invalid JSON policy' }]
    return []
  },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    mustBeFree(scope, 'aws_iam_role', name, 'EntityAlreadyExists', `Role with name ${name} already exists.`)
    return {
      inline_policy: [],
      managed_policy_arns: [],
      name_prefix: '',
      ...withTags(planned, scope),
      id: name,
      arn: globalArn(scope.world, 'iam', `role${text(planned, 'path') ?? '/'}${name}`),
      unique_id: upperId('AROA', 17),
      create_date: new Date().toISOString().replace(/\.\d+/, ''),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  async remove(prior, scope) {
    const name = requiredText(prior, 'name')
    const holds = (type: string) =>
      scope.world.store.list(type).some(resource => resource.attributes['role'] === name)
    if (holds('aws_iam_role_policy_attachment'))
      throw new CloudError('DeleteConflict', 'Cannot delete entity, must detach all policies first.', 409)
    if (holds('aws_iam_role_policy'))
      throw new CloudError('DeleteConflict', 'Cannot delete entity, must delete policies first.', 409)
  },
}

const rolePolicy: Behaviour = {
  type: 'aws_iam_role_policy',
  source:
    'https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html: puts over what is there',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    mustHaveRole(scope, requiredText(planned, 'role'))
    mustBePolicy(requiredText(planned, 'policy'))
    const name = requiredText(planned, 'name')
    return { name_prefix: '', ...planned, id: `${requiredText(planned, 'role')}:${name}` }
  },
  async update(prior, planned) {
    mustBePolicy(requiredText(planned, 'policy'))
    return { ...prior, ...planned }
  },
}

const attachment: Behaviour = {
  type: 'aws_iam_role_policy_attachment',
  source:
    'https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html: attaching twice is no error',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    const name = requiredText(planned, 'role')
    const policy = requiredText(planned, 'policy_arn')
    mustHaveRole(scope, name)
    if (!policy.startsWith('arn:aws:iam::aws:policy/') && !knownPolicy(scope, policy))
      throw new CloudError('NoSuchEntity', `Policy ${policy} does not exist or is not attachable.`, 404)
    return { ...planned, id: attachmentId(name, policy) }
  },
  // terraform imports it as `<role>/<policy arn>`.
  importId(importId) {
    const slash = importId.indexOf('/')
    return attachmentId(importId.slice(0, slash), importId.slice(slash + 1))
  },
}

/** The provider's own ids end in a timestamp; one made of both parts is as unique and can be found. */
function attachmentId(roleName: string, policyArn: string): string {
  return `${roleName}-${policyArn}`
}

function knownPolicy(scope: BehaviourScope, policyArn: string): boolean {
  return scope.world.store.get('aws_iam_policy', policyArn) !== undefined
}

function mustHaveRole(scope: BehaviourScope, name: string): void {
  mustExist(scope, 'aws_iam_role', name, 'NoSuchEntity', `The role with name ${name} cannot be found.`)
}

function mustBePolicy(document: string): void {
  if (!isPolicyDocument(document)) throw new CloudError('MalformedPolicyDocument', 'Syntax errors in policy.')
}

/** For services that are handed a role's ARN. */
export function mustHaveRoleArn(scope: BehaviourScope, roleArn: string, code: string): void {
  const name = roleArn.split('/').at(-1) ?? ''
  const found = scope.world.store.get('aws_iam_role', name)
  if (found === undefined || found.attributes['arn'] !== roleArn)
    throw new CloudError(code, `The role ${roleArn} does not exist or cannot be assumed by the service.`)
}

export const iamBehaviours: readonly Behaviour[] = [role, rolePolicy, attachment]
