import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { firstObject, requiredText, text } from '../attributes.ts'
import { arn, mustBeFree, mustExist, stableLetters, upperId, withTags } from '../naming.ts'
import { mustHaveCluster } from './eks-cluster.ts'
import { mustHaveRoleArn } from './iam.ts'

const accessEntry: Behaviour = {
  type: 'aws_eks_access_entry',
  source: 'https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessEntry.html',
  seconds: { create: 2, update: 1, delete: 1 },
  refuses: { create: ['ResourceInUseException'], delete: [] },
  async create(planned, scope) {
    const clusterName = requiredText(planned, 'cluster_name')
    const principal = requiredText(planned, 'principal_arn')
    const id = `${clusterName}:${principal}`
    const cluster = mustHaveCluster(scope, clusterName)
    if (text(firstObject(cluster.attributes, 'access_config'), 'authentication_mode') === 'CONFIG_MAP')
      throw new CloudError(
        'InvalidRequestException',
        "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
      )
    if (!/^arn:aws:iam::\d{12}:(role|user)\/.+$/.test(principal))
      throw new CloudError('InvalidParameterException', 'The principalArn parameter format is not valid')
    mustBeFree(
      scope,
      'aws_eks_access_entry',
      id,
      'ResourceInUseException',
      'The specified access entry resource is already in use on this cluster.',
    )
    const [, , , , account = '', resource = ''] = principal.split(':')
    const now = new Date().toISOString()
    return {
      kubernetes_groups: [],
      user_name: principal,
      ...withTags(planned, scope),
      id,
      access_entry_arn: arn(
        scope,
        'eks',
        `access-entry/${clusterName}/${resource.split('/')[0]}/${account}/${resource.split('/').at(-1)}/${stableLetters(id, 8)}`,
      ),
      created_at: now,
      modified_at: now,
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
}

const policies = [
  'AmazonEKSClusterAdminPolicy',
  'AmazonEKSAdminPolicy',
  'AmazonEKSAdminViewPolicy',
  'AmazonEKSEditPolicy',
  'AmazonEKSViewPolicy',
]

const policyAssociation: Behaviour = {
  type: 'aws_eks_access_policy_association',
  source:
    'https://docs.aws.amazon.com/eks/latest/APIReference/API_AssociateAccessPolicy.html: associating twice is no error',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: [], delete: [] },
  async create(planned, scope) {
    const clusterName = requiredText(planned, 'cluster_name')
    const principal = requiredText(planned, 'principal_arn')
    const policy = requiredText(planned, 'policy_arn')
    mustExist(
      scope,
      'aws_eks_access_entry',
      `${clusterName}:${principal}`,
      'ResourceNotFoundException',
      `The specified principalArn could not be found. You need to create an access entry for ${principal} first`,
    )
    if (!policies.some(known => policy === `arn:aws:eks::aws:cluster-access-policy/${known}`))
      throw new CloudError('InvalidParameterException', 'The policyArn parameter format is not valid')
    const now = new Date().toISOString()
    return { ...planned, id: `${clusterName}#${principal}#${policy}`, associated_at: now, modified_at: now }
  },
}

const podIdentity: Behaviour = {
  type: 'aws_eks_pod_identity_association',
  source: 'https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html',
  seconds: { create: 1, update: 1, delete: 1 },
  refuses: { create: ['ResourceInUseException'], delete: [] },
  // https://registry.terraform.io/providers/hashicorp/aws/5.100.0/docs/resources/eks_pod_identity_association
  replacedBy: ['cluster_name', 'namespace', 'service_account'],
  async create(planned, scope) {
    const clusterName = requiredText(planned, 'cluster_name')
    const [namespace, account] = [
      requiredText(planned, 'namespace'),
      requiredText(planned, 'service_account'),
    ]
    mustHaveCluster(scope, clusterName)
    mustHaveRoleArn(scope, requiredText(planned, 'role_arn'), 'InvalidParameterException')
    const taken = scope.world.store
      .list('aws_eks_pod_identity_association')
      .some(
        ({ attributes }) =>
          attributes['cluster_name'] === clusterName &&
          attributes['namespace'] === namespace &&
          attributes['service_account'] === account,
      )
    if (taken)
      throw new CloudError(
        'ResourceInUseException',
        `Association already exists: ${account} in ${namespace}`,
        409,
      )
    const id = `a-${upperId('', 17).toLowerCase()}`
    return {
      ...withTags(planned, scope),
      id,
      association_id: id,
      association_arn: arn(scope, 'eks', `podidentityassociation/${clusterName}/${id}`),
    }
  },
  update: async (prior, planned, scope) => ({ ...prior, ...withTags(planned, scope) }),
  // terraform imports it as `<cluster>,<association id>`.
  importId: (importId, scope) => {
    const id = importId.split(',')[1]
    return id === undefined ? undefined : scope.world.store.get('aws_eks_pod_identity_association', id)?.id
  },
}

export const eksAccessBehaviours: readonly Behaviour[] = [accessEntry, policyAssociation, podIdentity]
