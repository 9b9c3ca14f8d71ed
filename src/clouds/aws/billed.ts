import type { AwsConfig, Config } from '../../config/schema.ts'
import type { Billed } from '../costs.ts'
import { natZones } from './quotas.ts'
import { diskGib, sizes } from './sizes.ts'
import { awsConfig } from './variables.ts'

/** One product of the price list by its attributes, or what EC2 asks for an interruptible machine. */
export type Product =
  | {
      readonly kind: 'listed'
      readonly service: string
      readonly attributes: Readonly<Record<string, string>>
      /** How its usage type ends, where attributes alone leave a choice; the region's abbreviation stands before it. */
      readonly usage: string | undefined
    }
  | { readonly kind: 'spot'; readonly type: string }

type Line = Billed<Product>

const listed = (
  service: string,
  usage: string | undefined,
  attributes: Readonly<Record<string, string>> = {},
): Product => ({
  kind: 'listed',
  service,
  attributes,
  usage,
})

/**
 * What templates/terraform/aws makes and AWS bills, with its product. Attributes as infracost maps them
 * (https://github.com/infracost/infracost/tree/master/internal/resources/aws) and `aws pricing get-products` shows.
 */
export function billed(config: Config): readonly Line[] {
  return [...foundation(config), ...cluster(config)]
}

function foundation(config: Config): readonly Line[] {
  const size = sizes[config.environment]
  const zones = natZones[config.environment]
  const root = 'foundation' as const
  const one = { root, instances: 1, amount: '1' }
  const deployment = size.database_multi_az ? 'Multi-AZ' : 'Single-AZ'
  const twice = size.database_multi_az ? ' in two zones' : ''
  const cacheNodes = 1 + size.cache_replicas
  return [
    {
      root,
      address: 'aws_nat_gateway.main',
      instances: zones,
      what: 'NAT gateways',
      amount: String(zones),
      parts: [{ query: nat('NatGateway-Hours'), quantity: zones }],
    },
    {
      root,
      address: 'aws_eip.nat',
      instances: zones,
      what: 'public addresses of the NAT gateways',
      amount: String(zones),
      parts: [
        {
          query: listed('AmazonVPC', 'PublicIPv4:InUseAddress', { group: 'VPCPublicIPv4Address' }),
          quantity: zones,
        },
      ],
    },
    {
      ...one,
      address: 'aws_db_instance.main',
      what: `database, ${size.database_class}${twice}`,
      parts: [
        {
          query: listed(
            'AmazonRDS',
            `${size.database_multi_az ? 'Multi-AZUsage' : 'InstanceUsage'}:${size.database_class}`,
            {
              instanceType: size.database_class,
              databaseEngine: 'PostgreSQL',
              deploymentOption: deployment,
            },
          ),
          quantity: 1,
        },
      ],
    },
    {
      ...one,
      address: 'aws_db_instance.main',
      what: `storage of the database${twice}`,
      amount: `${size.database_storage_gib} GiB`,
      parts: [
        {
          query: listed(
            'AmazonRDS',
            size.database_multi_az ? 'RDS:Multi-AZ-GP3-Storage' : 'RDS:GP3-Storage',
            { volumeType: 'General Purpose-GP3', deploymentOption: deployment },
          ),
          quantity: size.database_storage_gib,
        },
      ],
    },
    {
      ...one,
      address: 'aws_db_instance.main',
      what: 'secret of the database, which RDS keeps',
      parts: [{ query: listed('AWSSecretsManager', undefined, { productFamily: 'Secret' }), quantity: 1 }],
    },
    {
      ...one,
      address: 'aws_elasticache_replication_group.main',
      what: `cache, ${size.cache_node}`,
      amount: String(cacheNodes),
      parts: [
        {
          query: listed('AmazonElastiCache', `NodeUsage:${size.cache_node}`, {
            instanceType: size.cache_node,
            cacheEngine: 'Valkey',
          }),
          quantity: cacheNodes,
        },
      ],
    },
    {
      ...one,
      address: 'aws_kms_key.main',
      what: 'key',
      parts: [{ query: listed('awskms', 'KMS-Keys'), quantity: 1 }],
    },
    {
      ...one,
      address: 'aws_nat_gateway.main',
      what: 'data through the NAT gateways',
      byUse: 'GB',
      parts: [{ query: nat('NatGateway-Bytes'), quantity: 1 }],
    },
    {
      ...one,
      address: 'aws_s3_bucket.main',
      what: 'objects in the buckets',
      byUse: 'GB a month',
      parts: [
        {
          query: listed('AmazonS3', 'TimedStorage-ByteHrs', { volumeType: 'Standard' }),
          quantity: 1,
        },
      ],
    },
    {
      ...one,
      address: 'aws_ecr_repository.service',
      what: 'images in the registry',
      byUse: 'GB a month',
      parts: [{ query: listed('AmazonECR', 'TimedStorage-ByteHrs'), quantity: 1 }],
    },
  ]
}

function nat(usage: string): Product {
  return listed('AmazonEC2', usage, { productFamily: 'NAT Gateway' })
}

function cluster(config: Config): readonly Line[] {
  const { nodes, gpuNodes } = awsConfig(config)
  const one = { root: 'cluster', instances: 1, amount: '1' } as const
  return [
    {
      ...one,
      address: 'aws_eks_cluster.main',
      what: 'EKS control plane',
      parts: [{ query: listed('AmazonEKS', 'AmazonEKS-Hours:perCluster'), quantity: 1 }],
    },
    ...pool('general', nodes),
    ...(gpuNodes === undefined ? [] : pool('gpu', gpuNodes)),
    {
      ...one,
      address: 'aws_cloudwatch_log_group.control_plane',
      what: 'logs of the control plane',
      byUse: 'GB',
      parts: [{ query: listed('AmazonCloudWatch', 'DataProcessing-Bytes'), quantity: 1 }],
    },
  ]
}

function pool(
  name: 'general' | 'gpu',
  { type, spot, min, max }: NonNullable<AwsConfig['gpuNodes']>,
): readonly Line[] {
  const line = { root: 'cluster', address: `aws_eks_node_group.main["${name}"]`, instances: 1 } as const
  const machine = listed('AmazonEC2', `BoxUsage:${type}`, {
    instanceType: type,
    operatingSystem: 'Linux',
    tenancy: 'Shared',
    preInstalledSw: 'NA',
    capacitystatus: 'Used',
  })
  return [
    {
      ...line,
      what: `nodes ${name}, ${type}${spot ? ', spot' : ''}`,
      amount: String(min),
      parts: [{ query: spot ? { kind: 'spot', type } : machine, quantity: min, most: max }],
    },
    {
      ...line,
      what: `disks of the nodes ${name}, gp3`,
      amount: `${min * diskGib[name]} GiB`,
      parts: [
        {
          query: listed('AmazonEC2', 'EBS:VolumeUsage.gp3', { volumeApiName: 'gp3' }),
          quantity: min * diskGib[name],
          most: max * diskGib[name],
        },
      ],
    },
  ]
}

/** Types of the templates that cost nothing by themselves; what is in neither list fails a test. */
export const freeTypes = [
  'aws_budgets_budget',
  'aws_db_parameter_group',
  'aws_db_subnet_group',
  'aws_default_security_group',
  'aws_ecr_lifecycle_policy',
  'aws_eks_access_entry',
  'aws_eks_access_policy_association',
  'aws_eks_addon',
  'aws_eks_pod_identity_association',
  'aws_elasticache_subnet_group',
  'aws_elasticache_user',
  'aws_elasticache_user_group',
  'aws_iam_role',
  'aws_iam_role_policy',
  'aws_iam_role_policy_attachment',
  'aws_internet_gateway',
  'aws_kms_alias',
  'aws_launch_template',
  'aws_route_table',
  'aws_route_table_association',
  'aws_s3_bucket_lifecycle_configuration',
  'aws_s3_bucket_logging',
  'aws_s3_bucket_ownership_controls',
  'aws_s3_bucket_policy',
  'aws_s3_bucket_public_access_block',
  'aws_s3_bucket_server_side_encryption_configuration',
  'aws_s3_bucket_versioning',
  'aws_security_group',
  'aws_subnet',
  'aws_vpc',
  // The gateway kind, to S3, which is free of charge.
  'aws_vpc_endpoint',
  'aws_vpc_ipv4_cidr_block_association',
] as const
