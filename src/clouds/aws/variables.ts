import { awsNames } from '../../config/names.ts'
import { kubernetesGroup, peopleGroups } from '../../config/people.ts'
import type { AwsConfig, Config } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import { budgetVariable } from '../budget.ts'
import { dataSyncSubject, type RootName } from '../cloud.ts'
import { awsBudget } from './budget-wanted.ts'
import { pipelinePolicies } from './pipeline-policy.ts'

/** The configuration's AWS part; asking for it without one is a bug. */
export function awsConfig(config: Config): AwsConfig {
  const aws = config.clouds.aws
  if (aws === undefined) throw new Error('the configuration has no clouds.aws')
  return aws
}

/** Values of the variables that templates/terraform/aws/<root>/variables.tf declares. */
export function rootVariables(
  root: RootName,
  config: Config,
  platformId: string,
  foundation: JsonObject | undefined,
): JsonObject {
  const aws = awsConfig(config)
  const names = awsNames(config)
  const common = {
    project: config.project,
    environment: config.environment,
    owner: config.owner,
    platform_id: platformId,
    account_id: aws.accountId,
    region: aws.region,
  }
  if (root === 'delivery') {
    return {
      ...common,
      names: {
        cluster: names.cluster,
        roles: { deploy: names.roles.pipelineDeploy, read: names.roles.pipelineRead },
      },
      subjects: foundation?.['subjects'] ?? {},
      provider_is_there: foundation?.['provider_is_there'] ?? false,
      policies: pipelinePolicies(aws, names),
    }
  }
  if (root === 'peers') {
    return {
      ...common,
      names: { role: names.roles.dataSyncPeers },
      buckets: [names.buckets.models, names.buckets.data],
      kms_key_arn: foundation?.['kms_key_arn'] ?? '',
      issuers: foundation?.['issuers'] ?? {},
      subject: dataSyncSubject,
    }
  }
  if (root === 'foundation') {
    return {
      ...common,
      network_cidr: aws.network.cidr,
      pods_cidr: aws.network.pods,
      budget: budgetVariable(awsBudget(config), names.base),
      names: {
        vpc: names.vpc,
        cluster: names.cluster,
        kms_alias: names.kmsAlias,
        database: names.database,
        database_name: names.databaseName,
        database_admin: names.databaseUser,
        database_group: names.databaseSubnetGroup,
        cache: names.cache,
        cache_group: names.cacheUserGroup,
        cache_users: names.cacheUsers,
        security_groups: { database: names.securityGroups.database, cache: names.securityGroups.cache },
        buckets: names.buckets,
        repositories: names.repositories,
        service_roles: {
          'api-gateway': names.roles.apiGateway,
          'model-serving': names.roles.modelServing,
          'data-sync': names.roles.dataSync,
          mlflow: names.roles.mlflow,
          'database-admin': names.roles.databaseAdmin,
        },
      },
    }
  }
  return {
    ...common,
    kubernetes_version: aws.kubernetesVersion,
    services_cidr: aws.network.services,
    nodes: aws.nodes,
    gpu_nodes: aws.gpuNodes ?? null,
    group_members: groupMembers(config),
    names: {
      cluster: names.cluster,
      log_group: names.logGroups.cluster,
      node_groups: names.nodeGroups,
      launch_templates: names.launchTemplates,
      roles: {
        cluster: names.roles.cluster,
        nodes: names.roles.nodes,
        ebs_csi: names.roles.ebsCsi,
        vpc_cni: names.roles.vpcCni,
      },
    },
    foundation: foundation ?? {},
  }
}

/** RBAC on EKS knows no ARNs: a principal's access entry gives it the groups. */
function groupMembers(config: Config): Readonly<Record<string, readonly string[]>> {
  const memberships = peopleGroups.flatMap(group =>
    (config.access?.[group]?.aws ?? []).map(principal => ({ principal, group: kubernetesGroup(group) })),
  )
  return Object.fromEntries(
    [...Map.groupBy(memberships, ({ principal }) => principal)].map(([principal, its]) => [
      principal,
      [...new Set(its.map(({ group }) => group))],
    ]),
  )
}
