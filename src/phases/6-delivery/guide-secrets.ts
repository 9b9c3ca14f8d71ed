import type { CloudName } from '../../clouds/cloud.ts'

/** The guide's four secrets, which `delivery.credentials: keys` still makes. */
export const guideSecrets: Readonly<Record<CloudName, readonly string[]>> = {
  aws: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  gcp: ['GCP_SA_KEY'],
  azure: ['AZURE_CREDENTIALS'],
}
