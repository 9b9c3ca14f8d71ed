import type { Behaviour } from '../../../behaviour.ts'
import { objects, textMap } from '../attributes.ts'
import { budgetBehaviours } from './budgets.ts'
import { ecrBehaviours } from './ecr.ts'
import { eksAccessBehaviours } from './eks-access.ts'
import { eksAddonBehaviours } from './eks-addons.ts'
import { eksClusterBehaviours } from './eks-cluster.ts'
import { eksNodeBehaviours } from './eks-nodes.ts'
import { elasticacheBehaviours } from './elasticache.ts'
import { gatewayBehaviours } from './gateways.ts'
import { iamBehaviours } from './iam.ts'
import { kmsBehaviours } from './kms.ts'
import { launchTemplateBehaviours } from './launch-template.ts'
import { logBehaviours } from './logs.ts'
import { oidcProvider } from './oidc-provider.ts'
import { rdsBehaviours } from './rds.ts'
import { routeBehaviours } from './routes.ts'
import { s3Behaviours } from './s3.ts'
import { securityGroupBehaviours } from './security-groups.ts'
import { vpcBehaviours } from './vpc.ts'

const untagged = new Set([
  'aws_ecr_lifecycle_policy',
  'aws_eks_access_policy_association',
  'aws_iam_role_policy',
  'aws_iam_role_policy_attachment',
  'aws_kms_alias',
  'aws_route_table_association',
  'aws_vpc_ipv4_cidr_block_association',
])

/** The provider plans `tags_all` itself: its default tags under the resource's own. */
function planningTags(behaviour: Behaviour): Behaviour {
  if (untagged.has(behaviour.type) || /^aws_s3_bucket_/.test(behaviour.type)) return behaviour
  return {
    ...behaviour,
    plan: (planned, prior, provider) => ({
      ...behaviour.plan?.(planned, prior, provider),
      tags_all: {
        ...textMap(objects(provider, 'default_tags')[0] ?? {}, 'tags'),
        ...textMap(planned, 'tags'),
      },
    }),
  }
}

export const behaviours: readonly Behaviour[] = [
  ...vpcBehaviours,
  ...gatewayBehaviours,
  ...routeBehaviours,
  ...securityGroupBehaviours,
  ...kmsBehaviours,
  ...iamBehaviours,
  oidcProvider,
  ...rdsBehaviours,
  ...s3Behaviours,
  ...elasticacheBehaviours,
  ...ecrBehaviours,
  ...logBehaviours,
  ...budgetBehaviours,
  ...launchTemplateBehaviours,
  ...eksClusterBehaviours,
  ...eksNodeBehaviours,
  ...eksAccessBehaviours,
  ...eksAddonBehaviours,
].map(planningTags)
