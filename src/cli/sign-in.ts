import type { CloudName } from '../clouds/cloud.ts'
import type { Config } from '../config/schema.ts'
import { awsProfilesOf } from './detect.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The commands of a cloud's own tools that sign in to the account of mlp.yaml, in the order to run them. What they
 * leave behind is what the SDKs' default chains find and renew; mlp itself opens no browser and keeps no credential.
 */
export async function signInCommands(
  cloud: CloudName,
  config: Config,
  environment: Environment,
): Promise<readonly string[]> {
  const { aws, gcp, azure } = config.clouds
  switch (cloud) {
    case 'aws': {
      const [profile] = await awsProfilesOf(aws?.accountId ?? '', environment)
      if (profile === undefined) return ['aws configure sso', 'export AWS_PROFILE=<the profile it made>']
      return [
        ...(profile.sso ? [`aws sso login --profile ${profile.name}`] : []),
        `export AWS_PROFILE=${profile.name}`,
      ]
    }
    case 'gcp':
      return [
        'gcloud auth application-default login',
        `gcloud auth application-default set-quota-project ${gcp?.projectId}`,
      ]
    case 'azure':
      return [
        `az login${azure?.tenantId === undefined ? '' : ` --tenant ${azure.tenantId}`}`,
        `az account set --subscription ${azure?.subscriptionId}`,
      ]
  }
}
