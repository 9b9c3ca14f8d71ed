import type { Config } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { AwsPlatform } from './platform.ts'
import {
  actionsByType,
  bucketReadActions,
  dnsOpenActions,
  healthCheckActions,
  ownActions,
  readActions,
  zoneActions,
} from './policy-actions.ts'

/** Roles that services take to act for us when the account has not had them yet. */
const linkedServices = [
  'eks.amazonaws.com',
  'eks-nodegroup.amazonaws.com',
  'autoscaling.amazonaws.com',
  'elasticache.amazonaws.com',
  'rds.amazonaws.com',
]
/** Whom the platform's roles may be given to. */
const trustedServices = ['ec2.amazonaws.com', 'eks.amazonaws.com', 'pods.eks.amazonaws.com']

/**
 * An IAM policy under which mlp can build, check and remove this platform, and touch nothing that is named otherwise.
 * Networks, addresses and launch templates have no names to confine them by: they are confined to the region. For
 * `aws iam put-role-policy`: it is longer than a managed policy may be.
 */
export function policy({ config, names, aws }: AwsPlatform): JsonObject {
  const arn = (service: string, resource: string, scope = `${aws.region}:${aws.accountId}`) =>
    `arn:aws:${service}:${scope}:${resource}`
  const writes = [...new Set([...Object.values(actionsByType).flat(), ...ownActions])].sort()
  const of = (...services: string[]) =>
    writes.filter(action => services.some(service => action.startsWith(`${service}:`)))
  const inRegion = { StringEquals: { 'aws:RequestedRegion': aws.region } }
  const buckets = [...Object.values(names.buckets), names.stateBucket].map(name => arn('s3', name, ':'))
  return {
    Version: '2012-10-17',
    Statement: [
      { Sid: 'Read', Effect: 'Allow', Action: [...readActions], Resource: '*' },
      { Sid: 'Network', Effect: 'Allow', Action: of('ec2'), Resource: '*', Condition: inRegion },
      {
        Sid: 'Named',
        Effect: 'Allow',
        Action: of('ecr', 'eks', 'elasticache', 'logs', 'rds'),
        Resource: [
          ...Object.values(names.repositories).map(name => arn('ecr', `repository/${name}`)),
          arn('eks', `*/${names.cluster}`),
          arn('eks', `*/${names.cluster}/*`),
          arn('elasticache', `*:${names.base}*`),
          arn('elasticache', 'parametergroup:default.*'),
          arn('elasticache', 'user:default'),
          ...Object.values(names.logGroups).map(name => arn('logs', `log-group:${name}*`)),
          arn('rds', `*:${names.base}*`),
          arn('rds', 'og:default:*'),
        ],
      },
      {
        Sid: 'Budget',
        Effect: 'Allow',
        Action: of('budgets'),
        Resource: arn('budgets', `budget/${names.base}`, `:${aws.accountId}`),
      },
      { Sid: 'Keys', Effect: 'Allow', Action: of('kms'), Resource: '*', Condition: inRegion },
      {
        Sid: 'Password',
        Effect: 'Allow',
        Action: of('secretsmanager'),
        Resource: arn('secretsmanager', 'secret:rds!*'),
      },
      {
        Sid: 'Buckets',
        Effect: 'Allow',
        Action: [...of('s3'), ...bucketReadActions],
        Resource: buckets.flatMap(bucket => [bucket, `${bucket}/*`]),
      },
      {
        Sid: 'Roles',
        Effect: 'Allow',
        Action: of('iam'),
        Resource: [
          arn('iam', `role/${names.base}-*`, `:${aws.accountId}`),
          // Named by their issuers: GitHub, and the other clouds' clusters, whose addresses are not known before.
          arn('iam', 'oidc-provider/*', `:${aws.accountId}`),
        ],
      },
      {
        Sid: 'PassRoles',
        Effect: 'Allow',
        Action: 'iam:PassRole',
        Resource: arn('iam', `role/${names.base}-*`, `:${aws.accountId}`),
        Condition: { StringEquals: { 'iam:PassedToService': trustedServices } },
      },
      {
        Sid: 'LinkedRoles',
        Effect: 'Allow',
        Action: 'iam:CreateServiceLinkedRole',
        Resource: '*',
        Condition: { StringEquals: { 'iam:AWSServiceName': linkedServices } },
      },
      ...dnsStatements(config),
    ],
  }
}

/** A zone named by its id is the only one whose records may be changed; of a name the policy knows no id. */
function dnsStatements({ dns }: Config): readonly JsonObject[] {
  if (dns?.cloud !== 'aws') return []
  const zone = dns.zone.includes('.') ? '*' : dns.zone
  return [
    {
      Sid: 'Zone',
      Effect: 'Allow',
      Action: [...zoneActions],
      Resource: `arn:aws:route53:::hostedzone/${zone}`,
    },
    {
      Sid: 'HealthChecks',
      Effect: 'Allow',
      Action: [...healthCheckActions],
      Resource: 'arn:aws:route53:::healthcheck/*',
    },
    { Sid: 'Names', Effect: 'Allow', Action: [...dnsOpenActions], Resource: '*' },
  ]
}
