import { CloudError, type DataSourceBehaviour } from '../../behaviour.ts'
import { globalArn, regionOf } from './naming.ts'
import { isKnownRegion, zonesOf } from './zones.ts'

const availabilityZones: DataSourceBehaviour = {
  type: 'aws_availability_zones',
  source: 'https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html',
  async read(configured, scope) {
    const region = regionOf(scope)
    if (!isKnownRegion(region)) throw new CloudError('UnknownEndpoint', `no such region: ${region}`)
    const zones = zonesOf(region)
    return {
      ...configured,
      id: region,
      group_names: [`${region}-zg-1`],
      names: zones.map(zone => zone.name),
      zone_ids: zones.map(zone => zone.id),
    }
  },
}

const callerIdentity: DataSourceBehaviour = {
  type: 'aws_caller_identity',
  source: 'https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html',
  async read(_configured, scope) {
    const account = scope.world.secrets.awsAccountId
    return {
      id: account,
      account_id: account,
      arn: globalArn(scope.world, 'iam', 'user/mlp-sandbox'),
      user_id: 'AIDASANDBOX0000000000',
    }
  },
}

const partition: DataSourceBehaviour = {
  type: 'aws_partition',
  source: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html',
  read: async () => ({
    id: 'aws',
    partition: 'aws',
    dns_suffix: 'amazonaws.com',
    reverse_dns_prefix: 'com.amazonaws',
  }),
}

export const dataSources: readonly DataSourceBehaviour[] = [availabilityZones, callerIdentity, partition]
