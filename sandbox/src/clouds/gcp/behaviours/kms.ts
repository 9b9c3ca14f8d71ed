import { type Behaviour, CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { requiredText, text, textMap } from '../attributes.ts'
import {
  abandoned,
  checkLabels,
  labelPlan,
  projectOf,
  refuseExisting,
  regionOf,
  requireResource,
} from '../google.ts'

const namePattern = /^[a-zA-Z0-9_-]{1,63}$/

export const keyRing: Behaviour = {
  type: 'google_kms_key_ring',
  source:
    'https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings (there is no delete)',
  seconds: { create: 2, update: 0, delete: 0 },
  refuses: { create: ['alreadyExists'], delete: [] },
  async create(planned, scope) {
    const name = requiredText(planned, 'name')
    if (!namePattern.test(name)) throw new CloudError('invalid', `Invalid key ring id: ${name}`)
    const project = projectOf(planned, scope)
    const id = `projects/${project}/locations/${regionOf(planned, scope)}/keyRings/${name}`
    refuseExisting(scope.world, this.type, id)
    return { ...planned, id, project }
  },
  // Key rings and keys cannot be deleted; terraform only forgets them.
  outlives: () => true,
}

export const cryptoKey: Behaviour = {
  type: 'google_kms_crypto_key',
  source: 'https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys',
  seconds: { create: 2, update: 2, delete: 2 },
  refuses: { create: ['alreadyExists'], delete: [] },
  plan: labelPlan(),
  async create(planned, scope) {
    const ring = requiredText(planned, 'key_ring')
    requireResource(scope.world, keyRing.type, ring)
    const id = `${ring}/cryptoKeys/${requiredText(planned, 'name')}`
    refuseExisting(scope.world, this.type, id)
    checkLabels(textMap(planned, 'labels'))
    return {
      ...planned,
      id,
      import_only: planned['import_only'] ?? false,
      crypto_key_backend: text(planned, 'crypto_key_backend') ?? '',
      destroy_scheduled_duration: text(planned, 'destroy_scheduled_duration') ?? '2592000s',
      primary: [{ name: `${id}/cryptoKeyVersions/1`, state: 'ENABLED' }],
      deletion_policy: text(planned, 'deletion_policy') ?? 'DELETE',
    }
  },
  outlives: abandoned,
  async remove(prior, { world }) {
    // Without ABANDON terraform destroys every version; the empty key stays, and nothing can encrypt with it again.
    world.store.putFact('gcp-destroyed-keys', requiredText(prior, 'id'), true)
  },
}

/** What encrypts with a key needs the key, alive, and its service agent's grant on it. */
export function requireUsableKey(world: World, key: string, service: string): void {
  requireResource(world, cryptoKey.type, key)
  const grants = world.store.list('google_kms_crypto_key_iam_member')
  const granted = grants.some(
    ({ attributes }) =>
      attributes['crypto_key_id'] === key &&
      attributes['role'] === 'roles/cloudkms.cryptoKeyEncrypterDecrypter' &&
      requiredText(attributes, 'member').includes(`@${service}`),
  )
  if (granted) return
  throw new CloudError(
    'forbidden',
    `Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '${key}' for the service agent of ${service}`,
    403,
  )
}
