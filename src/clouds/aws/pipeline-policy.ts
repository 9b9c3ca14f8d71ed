import type { AwsNames } from '../../config/names.ts'
import type { AwsConfig } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import { bucketReadActions, pushActions, readActions } from './policy-actions.ts'

/**
 * What `mlp phase 3` and `mlp verify` ask of AWS: they look at what earlier phases made (by terraform's plan, which
 * locks its state) and keep mlp's record; the first pushes images, too. Neither changes anything else in the account.
 */
export function pipelinePolicies(aws: AwsConfig, names: AwsNames): JsonObject {
  const bucket = (name: string) => `arn:aws:s3:::${name}`
  const read = [
    { Sid: 'Read', Effect: 'Allow', Action: [...readActions], Resource: '*' },
    {
      Sid: 'Buckets',
      Effect: 'Allow',
      Action: [...bucketReadActions],
      Resource: [...Object.values(names.buckets), names.stateBucket].map(bucket),
    },
    {
      Sid: 'State',
      Effect: 'Allow',
      Action: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      Resource: [`${bucket(names.stateBucket)}/*`],
    },
    {
      Sid: 'AuditLog',
      Effect: 'Allow',
      Action: ['logs:FilterLogEvents'],
      Resource: [`arn:aws:logs:${aws.region}:${aws.accountId}:log-group:${names.logGroups.cluster}:*`],
    },
    {
      Sid: 'StateKey',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: '*',
      Condition: { StringEquals: { 'kms:ViaService': `s3.${aws.region}.amazonaws.com` } },
    },
  ]
  const push = {
    Sid: 'Push',
    Effect: 'Allow',
    Action: [...pushActions],
    Resource: Object.values(names.repositories).map(
      name => `arn:aws:ecr:${aws.region}:${aws.accountId}:repository/${name}`,
    ),
  }
  return {
    read: { Version: '2012-10-17', Statement: read },
    deploy: { Version: '2012-10-17', Statement: [...read, push] },
  }
}
