import { createHash, randomBytes } from 'node:crypto'
import { type BehaviourScope, CloudError } from '../../behaviour.ts'
import type { Attributes, StoredResource } from '../../store/resource-store.ts'
import type { World } from '../../world.ts'
import { isObject, objects, text, textMap } from './attributes.ts'

export const defaultRegion = 'us-east-1'

export function regionOf(scope: BehaviourScope): string {
  return text(scope.provider, 'region') ?? defaultRegion
}

/** `arn:aws:<service>:<region>:<account>:<resource>` in the provider's region and the sandbox's account. */
export function arn(scope: BehaviourScope, service: string, resource: string): string {
  return `arn:aws:${service}:${regionOf(scope)}:${scope.world.secrets.awsAccountId}:${resource}`
}

/** IAM's ARNs name no region. */
export function globalArn(world: World, service: string, resource: string): string {
  return `arn:aws:${service}::${world.secrets.awsAccountId}:${resource}`
}

/** EC2's long ids: `vpc-0` and sixteen more hexadecimal digits. */
export function ec2Id(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`
}

/** Upper-case ids such as IAM's AROA… and RDS's db-…. */
export function upperId(prefix: string, length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  return prefix + Array.from(randomBytes(length), byte => alphabet[byte % 32]).join('')
}

/** Lower-case letters that are the same for the same text: the account's part of RDS and ElastiCache host names. */
export function stableLetters(seed: string, length: number): string {
  return Array.from(createHash('sha256').update(seed).digest().subarray(0, length), byte =>
    String.fromCharCode(97 + (byte % 26)),
  ).join('')
}

/** What the provider computes for every taggable resource: the provider's default tags under the resource's own. */
export function withTags(planned: Attributes, scope: BehaviourScope): Attributes {
  const defaults = objects(scope.provider, 'default_tags')[0] ?? {}
  return { ...planned, tags_all: { ...textMap(defaults, 'tags'), ...textMap(planned, 'tags') } }
}

/** Tags as the service's own API shows them. */
export function tagsOf(resource: StoredResource): Readonly<Record<string, string>> {
  const all = resource.attributes['tags_all']
  return isObject(all) ? textMap(resource.attributes, 'tags_all') : textMap(resource.attributes, 'tags')
}

/** The referenced resource, or the service's own not-found error. */
export function mustExist(
  scope: BehaviourScope,
  type: string,
  id: string | undefined,
  code: string,
  message: string,
): StoredResource {
  const found = id === undefined ? undefined : scope.world.store.get(type, id)
  if (found === undefined) throw new CloudError(code, message)
  return found
}

/** Refuses a second resource of the same id with the service's own conflict error. */
export function mustBeFree(
  scope: BehaviourScope,
  type: string,
  id: string,
  code: string,
  message: string,
): void {
  if (scope.world.store.get(type, id) !== undefined) throw new CloudError(code, message, 409)
}

/** Resources of one type that live in `region`; those without a regional ARN live everywhere. */
export function inRegion(world: World, type: string, region: string): readonly StoredResource[] {
  return world.store.list(type).filter(resource => {
    const itsRegion = text(resource.attributes, 'arn')?.split(':')[3]
    return itsRegion === undefined || itsRegion === '' || itsRegion === region
  })
}

export function parseJson(document: string): unknown {
  try {
    return JSON.parse(document)
  } catch {
    return undefined
  }
}
