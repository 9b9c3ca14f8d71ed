import { CloudError } from '../../../behaviour.ts'
import { text } from '../attributes.ts'
import { issueToken } from '../tokens.ts'
import type { Route } from './routing.ts'

const longestSeconds = 3600

/** Whom a caller may act as is asked of the service account, not of the project. */
export function isImpersonation(path: string): boolean {
  return /^\/iamcredentials\/v1\/projects\/[^/]+\/serviceAccounts\/[^/]+:generateAccessToken$/.test(path)
}

/** https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken */
export const credentialRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/projects/{project}/serviceAccounts/{account}:generateAccessToken',
    run({ world, params, body, principals = [], email }) {
      const wanted = params['account'] ?? ''
      const account = world.store
        .list('google_service_account')
        .find(({ attributes }) => attributes['email'] === wanted || attributes['unique_id'] === wanted)
      const members = [...principals, `serviceAccount:${email}`]
      const lets = world.store
        .list('google_service_account_iam_member')
        .some(
          ({ attributes }) =>
            text(attributes, 'service_account_id') === account?.id &&
            ['roles/iam.workloadIdentityUser', 'roles/iam.serviceAccountTokenCreator'].includes(
              text(attributes, 'role') ?? '',
            ) &&
            members.includes(text(attributes, 'member') ?? ''),
        )
      if (account === undefined || !lets)
        throw new CloudError(
          'forbidden',
          "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).",
          403,
        )
      const asked =
        typeof body['lifetime'] === 'string' ? Number.parseInt(body['lifetime'], 10) : longestSeconds
      if (!(asked > 0 && asked <= longestSeconds))
        throw new CloudError('badRequest', 'The access token lifetime cannot exceed 3600 seconds.')
      return {
        accessToken: issueToken(world, asked, text(account.attributes, 'email') ?? ''),
        expireTime: new Date(Date.now() + asked * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      }
    },
  },
]
