import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { flag, integer, objects, requiredText, text } from '../attributes.ts'
import { arn, ec2Id, withTags } from '../naming.ts'

// Everything that makes a new version of the template when it changes.
const versioned = [
  'block_device_mappings',
  'metadata_options',
  'tag_specifications',
  'image_id',
  'instance_type',
  'user_data',
  'key_name',
  'vpc_security_group_ids',
  'network_interfaces',
  'description',
]

const launchTemplate: Behaviour = {
  type: 'aws_launch_template',
  source:
    'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html, API_CreateLaunchTemplateVersion.html',
  seconds: { create: 2, update: 2, delete: 1 },
  refuses: { create: ['InvalidLaunchTemplateName.AlreadyExistsException'], delete: [] },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    if (scope.world.store.list('aws_launch_template').some(other => other.attributes['name'] === name))
      throw new CloudError(
        'InvalidLaunchTemplateName.AlreadyExistsException',
        'Launch template name already in use.',
      )
    const id = ec2Id('lt')
    return {
      ...complete(withTags(planned, scope)),
      id,
      name_prefix: text(planned, 'name_prefix') ?? '',
      arn: arn(scope, 'ec2', `launch-template/${id}`),
      default_version: 1,
      latest_version: 1,
    }
  },
  recomputedOn: { latest_version: versioned, default_version: versioned },
  async update(prior, planned, scope) {
    const latest = integer(planned, 'latest_version') ?? (integer(prior, 'latest_version') ?? 1) + 1
    const follows = flag(planned, 'update_default_version')
    return {
      ...prior,
      ...complete(withTags(planned, scope)),
      latest_version: latest,
      default_version: follows ? latest : (integer(prior, 'default_version') ?? 1),
    }
  },
  async remove(prior, scope) {
    const id = requiredText(prior, 'id')
    const used = scope.world.store
      .list('aws_eks_node_group')
      .some(group => objects(group.attributes, 'launch_template').some(template => template['id'] === id))
    // EC2 itself lets it go; the autoscaling group behind the node group is what breaks. The provider waits for neither.
    if (used) scope.report(`launch template ${id} is deleted while a node group refers to it`)
  },
}

function complete(planned: Attributes): Attributes {
  return {
    ...planned,
    block_device_mappings: objects(planned, 'block_device_mappings').map(mapping => ({
      ...mapping,
      ebs: objects(mapping, 'ebs').map(ebs => ({ iops: 0, throughput: 0, ...ebs })),
    })),
    metadata_options: objects(planned, 'metadata_options').map(options => ({
      http_protocol_ipv6: '',
      instance_metadata_tags: '',
      ...options,
    })),
  }
}

export const launchTemplateBehaviours: readonly Behaviour[] = [launchTemplate]
