import { CloudError } from '../../../behaviour.ts'
import { quotaLimit } from '../../../quotas.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { text } from '../attributes.ts'
import type { ApiScope } from './answer.ts'

interface Limit {
  readonly service: string
  readonly code: string
  readonly name: string
  readonly standard: number
  /** What the owner of the sandbox's account asked for and got, where the default lets no platform through. */
  readonly granted?: number
}

/*
 * Defaults: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html,
 * https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html. New accounts start with 5 vCPUs, which is
 * two nodes, and with no GPU at all: everybody who runs clusters has asked for more.
 */
const limits: readonly Limit[] = [
  {
    service: 'ec2',
    code: 'L-1216C47A',
    name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    standard: 5,
    granted: 1024,
  },
  {
    service: 'ec2',
    code: 'L-34B43A08',
    name: 'All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests',
    standard: 5,
    granted: 1024,
  },
  {
    service: 'ec2',
    code: 'L-DB2E81BA',
    name: 'Running On-Demand G and VT instances',
    standard: 0,
    granted: 64,
  },
  {
    service: 'ec2',
    code: 'L-3819A6DF',
    name: 'All G and VT Spot Instance Requests',
    standard: 0,
    granted: 64,
  },
  { service: 'ec2', code: 'L-417A185B', name: 'Running On-Demand P instances', standard: 0 },
  { service: 'ec2', code: 'L-7212CCBC', name: 'All P4, P3 and P2 Spot Instance Requests', standard: 0 },
  { service: 'ec2', code: 'L-0263D0A3', name: 'EC2-VPC Elastic IPs', standard: 5 },
  { service: 'vpc', code: 'L-F678F1CE', name: 'VPCs per Region', standard: 5 },
  { service: 'vpc', code: 'L-FE5A380F', name: 'NAT gateways per Availability Zone', standard: 5 },
]

type Operation = (input: Attributes, scope: ApiScope) => object

/** https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html */
export const quotaOperations: Readonly<Record<string, Operation>> = {
  GetServiceQuota: (input, scope) => {
    const limit = limitOf(input)
    const standard = limit.granted ?? limit.standard
    return show(limit, quotaLimit(scope.world.store, `aws/${limit.service}/${limit.code}`, standard), scope)
  },
  GetAWSDefaultServiceQuota: (input, scope) => {
    const limit = limitOf(input)
    return show(limit, limit.standard, scope)
  },
}

function limitOf(input: Attributes): Limit {
  const [service, code] = [text(input, 'ServiceCode'), text(input, 'QuotaCode')]
  const found = limits.find(limit => limit.service === service && limit.code === code)
  if (found === undefined)
    throw new CloudError(
      'NoSuchResourceException',
      `The request failed because the specified service quota does not exist: ${service}/${code}`,
    )
  return found
}

function show({ service, code, name }: Limit, value: number, { world, region }: ApiScope): object {
  return {
    Quota: {
      ServiceCode: service,
      QuotaArn: `arn:aws:servicequotas:${region}:${world.secrets.awsAccountId}:${service}/${code}`,
      QuotaCode: code,
      QuotaName: name,
      Value: value,
      Unit: 'None',
      Adjustable: true,
      GlobalQuota: false,
    },
  }
}
