import type { CloudName } from '../../clouds/cloud.ts'

/** What says whom a job may become in each cloud: names and ids, no secrets. `src/clouds` reads them in a job. */
export const variableNames: Readonly<Record<CloudName, readonly string[]>> = {
  aws: ['AWS_ROLE_ARN'],
  gcp: ['GOOGLE_WORKLOAD_IDENTITY_PROVIDER', 'GOOGLE_SERVICE_ACCOUNT'],
  azure: ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID'],
}
/** Whose environment it is: everything that mlp makes carries it. */
export const platformVariable = 'MLP_PLATFORM_ID'
/** On a repository that mlp made. */
export const madeVariable = 'MLP_MADE_REPOSITORY'
