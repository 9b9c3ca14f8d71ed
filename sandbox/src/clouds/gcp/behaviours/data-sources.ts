import type { DataSourceBehaviour } from '../../../behaviour.ts'
import { text } from '../attributes.ts'
import { projectNumber, projectOf, requireProject } from '../google.ts'
import { billingAccountId } from './billing-account.ts'

const project: DataSourceBehaviour = {
  type: 'google_project',
  source: 'https://cloud.google.com/resource-manager/reference/rest/v1/projects/get',
  async read(configured, { world, provider }) {
    const id = text(configured, 'project_id') ?? text(provider, 'project') ?? world.secrets.gcpProjectId
    requireProject(id, world)
    return {
      ...configured,
      id: `projects/${id}`,
      project_id: id,
      name: id,
      number: projectNumber(world),
      auto_create_network: false,
      billing_account: billingAccountId,
      folder_id: '',
      org_id: '',
      labels: {},
      effective_labels: {},
      terraform_labels: {},
      tags: {},
      deletion_policy: 'PREVENT',
    }
  },
}

const storageServiceAccount: DataSourceBehaviour = {
  type: 'google_storage_project_service_account',
  source: 'https://cloud.google.com/storage/docs/json_api/v1/projects/serviceAccount/get',
  async read(configured, scope) {
    const id = projectOf(configured, scope)
    const email = `service-${projectNumber(scope.world)}@gs-project-accounts.iam.gserviceaccount.com`
    return { ...configured, id: email, project: id, email_address: email, member: `serviceAccount:${email}` }
  },
}

export const dataSources: readonly DataSourceBehaviour[] = [project, storageServiceAccount]
