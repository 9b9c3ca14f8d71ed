import { type Behaviour, CloudError } from '../../../behaviour.ts'
import { blocks, requiredText, text } from '../attributes.ts'
import {
  abandoned,
  deletionPolicy,
  projectNumber,
  projectOf,
  refuseExisting,
  requireResource,
} from '../google.ts'

const idPattern = /^(?!gcp-)[a-z0-9-]{4,32}$/

/** Their names have the project's number, their ids in terraform the project's id. */
export const identityPool: Behaviour = {
  type: 'google_iam_workload_identity_pool',
  source: 'https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools',
  seconds: { create: 3, update: 2, delete: 2 },
  refuses: { create: ['alreadyExists'], delete: [] },
  async create(planned, scope) {
    const name = requiredText(planned, 'workload_identity_pool_id')
    if (!idPattern.test(name))
      throw new CloudError('badRequest', `Invalid workload identity pool id: ${name}`)
    const project = projectOf(planned, scope)
    const path = `locations/global/workloadIdentityPools/${name}`
    const id = `projects/${project}/${path}`
    refuseExisting(scope.world, this.type, id)
    return {
      ...planned,
      id,
      project,
      name: `projects/${projectNumber(scope.world)}/${path}`,
      state: 'ACTIVE',
      mode: planned['mode'] ?? '',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
}

export const identityPoolProvider: Behaviour = {
  type: 'google_iam_workload_identity_pool_provider',
  source:
    'https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers',
  seconds: { create: 3, update: 2, delete: 2 },
  refuses: { create: ['alreadyExists'], delete: [] },
  async create(planned, scope) {
    const project = projectOf(planned, scope)
    const pool = `locations/global/workloadIdentityPools/${requiredText(planned, 'workload_identity_pool_id')}`
    requireResource(scope.world, identityPool.type, `projects/${project}/${pool}`)
    const name = requiredText(planned, 'workload_identity_pool_provider_id')
    if (!idPattern.test(name)) throw new CloudError('badRequest', `Invalid provider id: ${name}`)
    for (const oidc of blocks(planned, 'oidc')) {
      if (!text(oidc, 'issuer_uri')?.startsWith('https://'))
        throw new CloudError('badRequest', 'The issuer URI must begin with https://.')
    }
    const id = `projects/${project}/${pool}/providers/${name}`
    refuseExisting(scope.world, this.type, id)
    return {
      ...planned,
      id,
      project,
      name: `projects/${projectNumber(scope.world)}/${pool}/providers/${name}`,
      state: 'ACTIVE',
      deletion_policy: deletionPolicy(planned),
    }
  },
  outlives: abandoned,
}
