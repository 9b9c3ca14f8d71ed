import { createHash } from 'node:crypto'
import { addressAt, parseRange } from '../../addresses.ts'
import { type Behaviour, type BehaviourScope, CloudError } from '../../behaviour.ts'
import type { Attributes, StoredResource } from '../../store/resource-store.ts'
import type { World } from '../../world.ts'
import { flag, text, textMap } from './attributes.ts'

export const computeLinkBase = 'https://www.googleapis.com/compute/v1/'

/** A stable number made from a name: project numbers, unique ids, parts of addresses. */
export function stableNumber(name: string, digits: number): string {
  const digest = createHash('sha256').update(name).digest()
  const number = digest.readBigUInt64BE(0) % 10n ** BigInt(digits - 1)
  return String(10n ** BigInt(digits - 1) + number).slice(0, digits)
}

export function projectNumber(world: World): string {
  return stableNumber(world.secrets.gcpProjectId, 12)
}

/** The project that a resource goes to. Only the sandbox's own exists. */
export function projectOf(planned: Attributes, scope: BehaviourScope): string {
  const asked = text(planned, 'project') ?? text(scope.provider, 'project')
  if (asked === undefined) {
    throw new CloudError('required', 'project: required field is not set')
  }
  requireProject(asked, scope.world)
  return asked
}

export function requireProject(project: string, world: World): void {
  if (project === world.secrets.gcpProjectId || project === projectNumber(world)) return
  throw new CloudError(
    'forbidden',
    `Permission denied on resource project ${project}. It may not exist in this sandbox, whose project is ${world.secrets.gcpProjectId}.`,
    403,
  )
}

export function regionOf(planned: Attributes, scope: BehaviourScope): string {
  const region = text(planned, 'region') ?? text(planned, 'location') ?? text(scope.provider, 'region')
  if (region === undefined) throw new CloudError('required', 'region: required field is not set')
  return region.toLowerCase()
}

export function zonesOf(region: string): readonly string[] {
  return ['a', 'b', 'c'].map(letter => `${region}-${letter}`)
}

/** `projects/p/global/networks/n`, from a self link or a relative name. */
export function relativeName(link: string): string {
  return link.replace(/^https:\/\/[^/]+\/(compute\/)?v1\//, '').replace(/^\//, '')
}

export function lastSegment(link: string): string {
  return link.slice(link.lastIndexOf('/') + 1)
}

export function refuseExisting(world: World, type: string, id: string): void {
  if (world.store.get(type, id) === undefined) return
  throw new CloudError('alreadyExists', `The resource '${id}' already exists`, 409)
}

/** The resource that a reference names; Google answers 404 when it is not there. */
export function requireResource(world: World, type: string, id: string): StoredResource {
  const found = world.store.get(type, id)
  if (found !== undefined) return found
  throw new CloudError('notFound', `The resource '${id}' was not found`, 404)
}

export function inUse(resource: string, user: string): CloudError {
  return new CloudError(
    'resourceInUseByAnotherResource',
    `The resource '${resource}' is already being used by '${user}'`,
    400,
  )
}

/** Label rules of https://cloud.google.com/resource-manager/docs/labels-overview#requirements */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    if (
      !/^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key) ||
      !/^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(value)
    ) {
      throw new CloudError(
        'invalid',
        `Invalid value for field 'resource.labels': '${key}=${value}'. Label keys and values may hold lower-case letters, digits, underscores and hyphens, at most 63.`,
      )
    }
  }
}

/**
 * What the provider knows of labels when it plans: its default labels below the resource's own, and the attribution
 * label it adds (https://registry.terraform.io/providers/hashicorp/google/latest/docs/guides/provider_reference).
 */
export function labelPlan(attribute = 'labels'): NonNullable<Behaviour['plan']> {
  return (planned, prior, provider) => {
    if (!(attribute in planned)) return {}
    const attribution =
      provider['add_terraform_attribution_label'] === false ? {} : { 'goog-terraform-provisioned': 'true' }
    const labels = {
      ...attribution,
      ...textMap(provider, 'default_labels'),
      ...textMap(planned, attribute),
    }
    const kept = prior === undefined ? {} : foreignLabels(prior)
    return { terraform_labels: labels, effective_labels: { ...kept, ...labels } }
  }
}

/** Labels that somebody else put on it stay. */
function foreignLabels(prior: Attributes): Readonly<Record<string, string>> {
  const known = textMap(prior, 'terraform_labels')
  return Object.fromEntries(
    Object.entries(textMap(prior, 'effective_labels')).filter(([key]) => !(key in known)),
  )
}

/** Resource types with a deletion policy: abandoned ones stay in the world when terraform lets go of them. */
export function abandoned(prior: Attributes): boolean {
  return prior['deletion_policy'] === 'ABANDON'
}

export function deletionPolicy(planned: Attributes): string {
  return text(planned, 'deletion_policy') ?? 'DELETE'
}

/** terraform's own lock, checked by the provider before it asks the cloud. */
export function refuseProtected(prior: Attributes, attribute: string, what: string): void {
  if (prior['deletion_policy'] === 'PREVENT' || flag(prior, attribute)) {
    throw new CloudError(
      'failedPrecondition',
      `cannot destroy ${what} without setting ${attribute}=false and running \`terraform apply\``,
    )
  }
}

export function now(): string {
  return new Date().toISOString()
}

/** A stable address within a range, for endpoints that Google places. */
export function addressIn(cidr: string, name: string): string {
  const { first, last } = parseRange(cidr) ?? { first: 0, last: 0 }
  return addressAt(cidr, 2 + (Number(stableNumber(name, 9)) % Math.max(1, last - first - 3)))
}
