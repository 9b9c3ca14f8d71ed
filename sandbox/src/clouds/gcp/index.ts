import { clusterAdminsGroup } from '../../kubernetes/rbac.ts'
import type { SimulatedCloud } from '../../simulated-cloud.ts'
import { commandLineEnvironment, target } from './access.ts'
import { handle } from './api/handle.ts'
import { behaviours } from './behaviours/all.ts'
import { clusterType } from './behaviours/container.ts'
import { dataSources } from './behaviours/data-sources.ts'
import { hasProjectRole } from './rights.ts'
import { operatorEmail, readToken } from './tokens.ts'

export const gcp: SimulatedCloud = {
  name: 'gcp',
  provider: 'google',
  providerVersion: '7.45.0',
  behaviours,
  dataSources,
  handle,
  /** GKE takes any Google access token; an owner of the project is an administrator of its clusters, others are what RBAC makes of them. */
  async reviewToken(token, clusterName, world) {
    const claims = readToken(world, token)
    const clusters = world.store.list(clusterType)
    if (claims === undefined || !clusters.some(({ attributes }) => attributes['name'] === clusterName))
      return undefined
    const isAdmin =
      claims.email === operatorEmail ||
      ['roles/owner', 'roles/container.admin'].some(role => hasProjectRole(world, claims.email, role))
    return { username: claims.email, groups: isAdmin ? [clusterAdminsGroup] : [] }
  },
  commandLineEnvironment,
  target,
}
