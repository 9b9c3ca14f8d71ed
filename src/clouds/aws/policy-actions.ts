/**
 * What terraform's AWS provider calls to make, change and remove a type of templates/terraform/aws; what it reads is
 * in `readActions`. Source: the provider's own resources, and
 * https://docs.aws.amazon.com/service-authorization/latest/reference/. test/unit/clouds/aws/policy.test.ts wants a row
 * for every type in the templates.
 */
export const actionsByType: Readonly<Record<string, readonly string[]>> = {
  aws_budgets_budget: ['budgets:ModifyBudget', 'budgets:TagResource', 'budgets:UntagResource'],
  aws_cloudwatch_log_group: [
    'logs:CreateLogGroup',
    'logs:DeleteLogGroup',
    'logs:PutRetentionPolicy',
    'logs:DeleteRetentionPolicy',
    'logs:AssociateKmsKey',
    'logs:TagResource',
    'logs:UntagResource',
  ],
  aws_db_instance: [
    'rds:CreateDBInstance',
    'rds:ModifyDBInstance',
    'rds:DeleteDBInstance',
    'rds:RebootDBInstance',
    'rds:CreateDBSnapshot',
    // The managed master password is a secret that RDS makes in the caller's name.
    'secretsmanager:CreateSecret',
    'secretsmanager:TagResource',
  ],
  aws_db_parameter_group: [
    'rds:CreateDBParameterGroup',
    'rds:ModifyDBParameterGroup',
    'rds:ResetDBParameterGroup',
    'rds:DeleteDBParameterGroup',
  ],
  aws_db_subnet_group: ['rds:CreateDBSubnetGroup', 'rds:ModifyDBSubnetGroup', 'rds:DeleteDBSubnetGroup'],
  aws_default_security_group: ['ec2:RevokeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress'],
  aws_ecr_lifecycle_policy: ['ecr:PutLifecyclePolicy', 'ecr:DeleteLifecyclePolicy'],
  aws_ecr_repository: [
    'ecr:CreateRepository',
    'ecr:DeleteRepository',
    'ecr:PutImageScanningConfiguration',
    'ecr:PutImageTagMutability',
    'ecr:TagResource',
    'ecr:UntagResource',
  ],
  aws_eip: ['ec2:AllocateAddress', 'ec2:ReleaseAddress', 'ec2:DisassociateAddress'],
  aws_eks_access_entry: ['eks:CreateAccessEntry', 'eks:UpdateAccessEntry', 'eks:DeleteAccessEntry'],
  aws_eks_access_policy_association: ['eks:AssociateAccessPolicy', 'eks:DisassociateAccessPolicy'],
  aws_eks_addon: ['eks:CreateAddon', 'eks:UpdateAddon', 'eks:DeleteAddon'],
  aws_eks_cluster: [
    'eks:CreateCluster',
    'eks:DeleteCluster',
    'eks:UpdateClusterConfig',
    'eks:UpdateClusterVersion',
    'eks:AssociateEncryptionConfig',
    'eks:TagResource',
    'eks:UntagResource',
  ],
  aws_eks_node_group: [
    'eks:CreateNodegroup',
    'eks:UpdateNodegroupConfig',
    'eks:UpdateNodegroupVersion',
    'eks:DeleteNodegroup',
    'ec2:RunInstances',
  ],
  aws_eks_pod_identity_association: [
    'eks:CreatePodIdentityAssociation',
    'eks:UpdatePodIdentityAssociation',
    'eks:DeletePodIdentityAssociation',
  ],
  aws_elasticache_replication_group: [
    'elasticache:CreateReplicationGroup',
    'elasticache:ModifyReplicationGroup',
    'elasticache:ModifyReplicationGroupShardConfiguration',
    'elasticache:IncreaseReplicaCount',
    'elasticache:DecreaseReplicaCount',
    'elasticache:DeleteReplicationGroup',
    'elasticache:AddTagsToResource',
    'elasticache:RemoveTagsFromResource',
  ],
  aws_elasticache_subnet_group: [
    'elasticache:CreateCacheSubnetGroup',
    'elasticache:ModifyCacheSubnetGroup',
    'elasticache:DeleteCacheSubnetGroup',
  ],
  aws_elasticache_user: ['elasticache:CreateUser', 'elasticache:ModifyUser', 'elasticache:DeleteUser'],
  aws_elasticache_user_group: [
    'elasticache:CreateUserGroup',
    'elasticache:ModifyUserGroup',
    'elasticache:DeleteUserGroup',
  ],
  aws_iam_openid_connect_provider: [
    'iam:CreateOpenIDConnectProvider',
    'iam:DeleteOpenIDConnectProvider',
    'iam:UpdateOpenIDConnectProviderThumbprint',
    'iam:AddClientIDToOpenIDConnectProvider',
    'iam:RemoveClientIDFromOpenIDConnectProvider',
    'iam:TagOpenIDConnectProvider',
    'iam:UntagOpenIDConnectProvider',
  ],
  aws_iam_role: [
    'iam:CreateRole',
    'iam:DeleteRole',
    'iam:UpdateRole',
    'iam:UpdateAssumeRolePolicy',
    'iam:TagRole',
    'iam:UntagRole',
  ],
  aws_iam_role_policy: ['iam:PutRolePolicy', 'iam:DeleteRolePolicy'],
  aws_iam_role_policy_attachment: ['iam:AttachRolePolicy', 'iam:DetachRolePolicy'],
  aws_internet_gateway: [
    'ec2:CreateInternetGateway',
    'ec2:AttachInternetGateway',
    'ec2:DetachInternetGateway',
    'ec2:DeleteInternetGateway',
  ],
  aws_kms_alias: ['kms:CreateAlias', 'kms:UpdateAlias', 'kms:DeleteAlias'],
  aws_kms_key: [
    'kms:CreateKey',
    'kms:EnableKeyRotation',
    'kms:PutKeyPolicy',
    'kms:UpdateKeyDescription',
    'kms:ScheduleKeyDeletion',
    'kms:TagResource',
    'kms:UntagResource',
    // RDS, EKS and the rest use the key in the caller's name.
    'kms:CreateGrant',
    'kms:Encrypt',
    'kms:Decrypt',
    'kms:GenerateDataKey*',
  ],
  aws_launch_template: [
    'ec2:CreateLaunchTemplate',
    'ec2:CreateLaunchTemplateVersion',
    'ec2:ModifyLaunchTemplate',
    'ec2:DeleteLaunchTemplate',
  ],
  aws_nat_gateway: ['ec2:CreateNatGateway', 'ec2:DeleteNatGateway'],
  aws_route_table: [
    'ec2:CreateRouteTable',
    'ec2:DeleteRouteTable',
    'ec2:CreateRoute',
    'ec2:ReplaceRoute',
    'ec2:DeleteRoute',
  ],
  aws_route_table_association: [
    'ec2:AssociateRouteTable',
    'ec2:DisassociateRouteTable',
    'ec2:ReplaceRouteTableAssociation',
  ],
  aws_s3_bucket: ['s3:CreateBucket', 's3:DeleteBucket', 's3:PutBucketTagging'],
  aws_s3_bucket_lifecycle_configuration: ['s3:PutLifecycleConfiguration'],
  aws_s3_bucket_logging: ['s3:PutBucketLogging'],
  aws_s3_bucket_ownership_controls: ['s3:PutBucketOwnershipControls'],
  aws_s3_bucket_policy: ['s3:PutBucketPolicy', 's3:DeleteBucketPolicy'],
  aws_s3_bucket_public_access_block: ['s3:PutBucketPublicAccessBlock'],
  aws_s3_bucket_server_side_encryption_configuration: ['s3:PutEncryptionConfiguration'],
  aws_s3_bucket_versioning: ['s3:PutBucketVersioning'],
  aws_security_group: [
    'ec2:CreateSecurityGroup',
    'ec2:DeleteSecurityGroup',
    'ec2:AuthorizeSecurityGroupIngress',
    'ec2:AuthorizeSecurityGroupEgress',
    'ec2:RevokeSecurityGroupIngress',
    'ec2:RevokeSecurityGroupEgress',
  ],
  aws_subnet: ['ec2:CreateSubnet', 'ec2:DeleteSubnet', 'ec2:ModifySubnetAttribute'],
  aws_vpc: [
    'ec2:CreateVpc',
    'ec2:DeleteVpc',
    'ec2:ModifyVpcAttribute',
    'ec2:CreateTags',
    'ec2:DeleteTags',
    'ec2:DeleteNetworkInterface',
  ],
  aws_vpc_endpoint: ['ec2:CreateVpcEndpoint', 'ec2:ModifyVpcEndpoint', 'ec2:DeleteVpcEndpoints'],
  aws_vpc_ipv4_cidr_block_association: ['ec2:AssociateVpcCidrBlock', 'ec2:DisassociateVpcCidrBlock'],
}

/** What a push of an image asks for; logging in and reading are in `readActions`. */
export const pushActions = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:CompleteLayerUpload',
  'ecr:InitiateLayerUpload',
  'ecr:PutImage',
  'ecr:UploadLayerPart',
] as const

/** What mlp itself asks beyond them: terraform's state, the shared record, and what teardown empties first. */
export const ownActions = [
  's3:GetObject',
  's3:PutObject',
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  'ecr:BatchDeleteImage',
  ...pushActions,
  'rds:AddTagsToResource',
  'rds:RemoveTagsFromResource',
  'elasticache:CreateSnapshot',
  // Whether the audit log has what was done.
  'logs:FilterLogEvents',
] as const

/** Reading, by terraform and by mlp, is asked of whole services: most of it can be confined to no resource. */
export const readActions = [
  'budgets:ListTagsForResource',
  'budgets:ViewBudget',
  // Whether the tag that the budget counts by is activated.
  'ce:ListCostAllocationTags',
  'ec2:Describe*',
  'ec2:GetLaunchTemplateData',
  'ecr:Describe*',
  'ecr:Get*',
  'ecr:List*',
  'eks:Describe*',
  'eks:List*',
  'elasticache:Describe*',
  'elasticache:List*',
  'iam:GetOpenIDConnectProvider',
  'iam:GetRole',
  'iam:GetRolePolicy',
  'iam:ListAttachedRolePolicies',
  'iam:ListInstanceProfilesForRole',
  'iam:ListOpenIDConnectProviders',
  'iam:ListRolePolicies',
  'kms:DescribeKey',
  'kms:GetKey*',
  'kms:List*',
  'logs:Describe*',
  'logs:List*',
  'pricing:GetProducts',
  'rds:Describe*',
  'rds:List*',
  // Health checks of the platform are looked for by every teardown, with or without a zone.
  'route53:ListHealthChecks',
  'route53:ListTagsForResources',
  's3:ListAllMyBuckets',
  'servicequotas:Get*',
  'servicequotas:List*',
  'sts:GetCallerIdentity',
  'tag:GetResources',
] as const

/** A bucket's own settings and contents; confined to the platform's buckets. */
export const bucketReadActions = [
  's3:GetAccelerateConfiguration',
  's3:GetBucket*',
  's3:GetEncryptionConfiguration',
  's3:GetLifecycleConfiguration',
  's3:GetReplicationConfiguration',
  's3:ListBucket',
  's3:ListBucketVersions',
] as const

/** The platform's names, where mlp.yaml names a zone in Route 53. */
export const zoneActions = ['route53:ChangeResourceRecordSets'] as const
export const healthCheckActions = ['route53:ChangeTagsForResource', 'route53:DeleteHealthCheck'] as const
/** What cannot be confined to a zone or a health check. */
export const dnsOpenActions = [
  'route53:CreateHealthCheck',
  'route53:GetChange',
  'route53:GetHealthCheckStatus',
  'route53:GetHostedZone',
  'route53:ListHostedZonesByName',
  'route53:ListResourceRecordSets',
] as const
