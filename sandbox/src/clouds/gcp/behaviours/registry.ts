import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { forgetImages, imagesBelow } from '../../../registry/images.ts'
import { blocks, requiredText } from '../attributes.ts'
import { abandoned, deletionPolicy, labelPlan, now, projectOf, refuseExisting, regionOf } from '../google.ts'

export const repository: Behaviour = {
  type: 'google_artifact_registry_repository',
  source: 'https://cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories',
  seconds: { create: 10, update: 5, delete: 10 },
  refuses: { create: ['alreadyExists'], delete: [] },
  plan: labelPlan(),
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const location = regionOf(planned, scope)
    const name = requiredText(planned, 'repository_id')
    if (!/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) {
      throw new CloudError('invalidArgument', `Invalid repository id: ${name}`)
    }
    const id = `projects/${project}/locations/${location}/repositories/${name}`
    refuseExisting(scope.world, this.type, id)
    return {
      ...planned,
      id,
      project,
      location,
      name,
      create_time: now(),
      update_time: now(),
      registry_uri: `${location}-docker.pkg.dev/${project}/${name}`,
      vulnerability_scanning_config: blocks(planned, 'vulnerability_scanning_config').map(scanning => ({
        ...scanning,
        enablement_state: 'SCANNING_DISABLED',
        enablement_state_reason: 'API containerscanning.googleapis.com is not enabled.',
      })),
      deletion_policy: deletionPolicy(planned),
    }
  },
  /** Google deletes a repository with all that is in it. */
  async remove(prior, { world }) {
    const path = ['gcp', ...['location', 'project', 'name'].map(part => requiredText(prior, part))].join('/')
    forgetImages(world.store, imagesBelow(world.store, path))
  },
  outlives: abandoned,
}
