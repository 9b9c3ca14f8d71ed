import { CloudError } from '../../../behaviour.ts'
import { texts } from '../attributes.ts'
import { billingAccountId } from '../behaviours/billing-account.ts'
import { projectNumber, requireProject } from '../google.ts'
import { doneOperation, type Route } from './routing.ts'

const servicesFact = 'gcp-enabled-services'

/** https://cloud.google.com/resource-manager/reference/rest/v1/projects */
export const resourceManagerRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/projects/{project}',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      return {
        projectId: world.secrets.gcpProjectId,
        projectNumber: projectNumber(world),
        name: world.secrets.gcpProjectId,
        lifecycleState: 'ACTIVE',
        createTime: '2026-01-01T00:00:00Z',
      }
    },
  },
  {
    method: 'POST',
    path: '/v1/projects/{project}:testIamPermissions',
    run({ params, body, world }) {
      requireProject(params['project'] ?? '', world)
      return { permissions: texts(body, 'permissions') }
    },
  },
]

/** https://cloud.google.com/billing/docs/reference/rest/v1/projects/getBillingInfo */
export const billingRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/projects/{project}/billingInfo',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      return {
        name: `projects/${params['project']}/billingInfo`,
        projectId: world.secrets.gcpProjectId,
        billingAccountName: `billingAccounts/${billingAccountId}`,
        billingEnabled: true,
      }
    },
  },
]

/** https://cloud.google.com/service-usage/docs/reference/rest/v1/services */
export const serviceUsageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/projects/{project}/services:batchGet',
    run({ params, query, world }) {
      requireProject(params['project'] ?? '', world)
      const services = query.getAll('names').map(name => {
        const service = name.slice(name.lastIndexOf('/') + 1)
        const state = world.store.getFact(servicesFact, service) === true ? 'ENABLED' : 'DISABLED'
        return {
          name: `projects/${projectNumber(world)}/services/${service}`,
          config: { name: service },
          state,
        }
      })
      return { services }
    },
  },
  {
    method: 'POST',
    path: '/v1/projects/{project}/services:batchEnable',
    run({ params, body, world }) {
      requireProject(params['project'] ?? '', world)
      const services = texts(body, 'serviceIds')
      if (services.length < 1 || services.length > 20) {
        throw new CloudError('invalidArgument', 'A batch enables between 1 and 20 services.')
      }
      for (const service of services) {
        if (!service.endsWith('.googleapis.com')) {
          throw new CloudError('forbidden', `Not found or permission denied for service(s): ${service}.`, 403)
        }
        world.store.putFact(servicesFact, service, true)
      }
      return doneOperation(`operations/acat.p2-${projectNumber(world)}-enable`)
    },
  },
  {
    method: 'POST',
    path: '/v1beta1/projects/{project}/services/{service}:generateServiceIdentity',
    run({ params, world }) {
      requireProject(params['project'] ?? '', world)
      const service = params['service'] ?? ''
      if (world.store.getFact(servicesFact, service) !== true) {
        throw new CloudError(
          'failedPrecondition',
          `Service ${service} is not enabled for consumer projects/${projectNumber(world)}.`,
        )
      }
      return doneOperation(`operations/finished.DONE_OPERATION`, { uniqueId: '1' })
    },
  },
  {
    method: 'GET',
    path: '/v1/operations/{operation}',
    run: ({ params }) => doneOperation(`operations/${params['operation']}`),
  },
]
