import { type AwsNames, awsNames, platformIdKey } from '../../config/names.ts'
import type { AwsConfig, Config } from '../../config/schema.ts'
import type { CloudOptions } from '../cloud-options.ts'
import type { CloudTarget } from '../target.ts'
import { type Clients, createClients } from './clients.ts'
import { awsError, isNotFound } from './errors.ts'
import { awsConfig } from './variables.ts'

/** Says which of the platform's things a resource is; every taggable one in templates/terraform/aws carries it. */
export const resourceKey = 'mlp.dev/resource'

/** What every part of the adapter works with. */
export interface AwsPlatform {
  readonly config: Config
  readonly aws: AwsConfig
  readonly names: AwsNames
  readonly platformId: string
  readonly target: CloudTarget
  readonly clients: Clients
}

export function awsPlatform(options: CloudOptions): AwsPlatform {
  const aws = awsConfig(options.config)
  return {
    config: options.config,
    aws,
    names: awsNames(options.config),
    platformId: options.platformId,
    target: options.target,
    clients: createClients(options.target, aws.region),
  }
}

/** Asks AWS; throws MlpError MLP3001 to MLP3006. `what` completes "while …". */
export async function ask<T>(what: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (error) {
    throw awsError(error, what)
  }
}

/** The same, but undefined when AWS says that the thing is not there. */
export async function find<T>(what: string, question: () => Promise<T>): Promise<T | undefined> {
  try {
    return await question()
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw awsError(error, what)
  }
}

type TagLike = {
  readonly Key?: string | undefined
  readonly Value?: string | undefined
}

/** Whether the tags carry this platform's id. */
export function isOurs(
  platform: AwsPlatform,
  tags: readonly TagLike[] | Record<string, string> | undefined,
): boolean {
  if (tags === undefined) return false
  const list = Array.isArray(tags) ? tags : Object.entries(tags).map(([Key, Value]) => ({ Key, Value }))
  return list.some(tag => tag.Key === platformIdKey.aws && tag.Value === platform.platformId)
}

/** Everything of ours that the tagging API knows, optionally of one logical resource. */
export function taggedArns(
  platform: AwsPlatform,
  resource: string | undefined,
  signal: AbortSignal,
): AsyncIterable<string> {
  const filters = [
    { Key: platformIdKey.aws, Values: [platform.platformId] },
    ...(resource === undefined ? [] : [{ Key: resourceKey, Values: [resource] }]),
  ]
  return arnsWith(platform, filters, signal)
}

/** What has all these tags, whatever their value where none is named; all pages. */
export async function* arnsWith(
  platform: AwsPlatform,
  filters: readonly { readonly Key: string; readonly Values?: string[] }[],
  signal: AbortSignal,
): AsyncIterable<string> {
  const { GetResourcesCommand } = await import('@aws-sdk/client-resource-groups-tagging-api')
  const client = await platform.clients.tagging()
  let token: string | undefined
  do {
    const page = await ask('listing tagged resources', () =>
      client.send(
        new GetResourcesCommand({ TagFilters: [...filters], ...(token ? { PaginationToken: token } : {}) }),
        { abortSignal: signal },
      ),
    )
    for (const { ResourceARN: arn } of page.ResourceTagMappingList ?? []) if (arn !== undefined) yield arn
    token = page.PaginationToken
  } while (token !== undefined && token !== '')
}

/** Whether the tagging API knows this ARN as ours. */
export async function isOurArn(
  platform: AwsPlatform,
  arn: string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (arn === undefined) return false
  const { GetResourcesCommand } = await import('@aws-sdk/client-resource-groups-tagging-api')
  const client = await platform.clients.tagging()
  const answer = await ask(`reading the tags of ${arn}`, () =>
    client.send(new GetResourcesCommand({ ResourceARNList: [arn] }), { abortSignal: signal }),
  )
  return isOurs(platform, answer.ResourceTagMappingList?.[0]?.Tags)
}
