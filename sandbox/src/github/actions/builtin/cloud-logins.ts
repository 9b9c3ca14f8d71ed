import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ActionCall, isYes } from './action.ts'
import { ask, idToken } from './ask.ts'

const form = { 'content-type': 'application/x-www-form-urlencoded' }

/** https://github.com/aws-actions/configure-aws-credentials, with OIDC alone. */
export async function configureAwsCredentials(call: ActionCall): Promise<void> {
  const { inputs, runtime } = call
  const region = inputs['aws-region']
  if (!region) throw new Error('Input required and not supplied: aws-region')
  const role = inputs['role-to-assume']
  if (!role) throw new Error("The sandbox's runner knows this action with role-to-assume only.")
  const { world } = runtime.request.options
  const { status, text } = await ask(call, `${world.endpoints.aws}/`, {
    method: 'POST',
    headers: form,
    body: new URLSearchParams({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: role.startsWith('arn:') ? role : `arn:aws:iam::${world.secrets.awsAccountId}:role/${role}`,
      RoleSessionName: inputs['role-session-name'] || 'GitHubActions',
      DurationSeconds: inputs['role-duration-seconds'] || '3600',
      WebIdentityToken: await idToken(call, inputs['audience'] || 'sts.amazonaws.com'),
    }).toString(),
  })
  const field = (name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? ''
  if (status !== 200) throw new Error(`Could not assume role with OIDC: ${field('Message') || text}`)
  const credentials = {
    AWS_ACCESS_KEY_ID: field('AccessKeyId'),
    AWS_SECRET_ACCESS_KEY: field('SecretAccessKey'),
    AWS_SESSION_TOKEN: field('SessionToken'),
  }
  for (const [name, value] of Object.entries(credentials)) {
    runtime.log.mask(value)
    call.exportVariable(name, value)
  }
  call.exportVariable('AWS_REGION', region)
  call.exportVariable('AWS_DEFAULT_REGION', region)
  call.setOutput('aws-account-id', world.secrets.awsAccountId)
  runtime.log.write(`Authenticated as assumedRoleId ${field('AssumedRoleId')}`)
}

/** https://github.com/google-github-actions/auth, with Workload Identity Federation alone. */
export async function googleAuth(call: ActionCall): Promise<void> {
  const { inputs, runtime, environment } = call
  const provider = (inputs['workload_identity_provider'] ?? '').replace(/^\/\/iam\.googleapis\.com\//, '')
  if (provider === '')
    throw new Error(
      'google-github-actions/auth failed with: the GitHub Action workflow must specify exactly one of "workload_identity_provider" or "credentials_json"!',
    )
  const account = inputs['service_account'] ?? ''
  const base = runtime.request.options.world.endpoints.gcp
  const audience = inputs['audience'] || `https://iam.googleapis.com/${provider}`
  const token = await idToken(call, audience)
  const { status, text } = await ask(call, `${base}/sts/v1/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      audience: `//iam.googleapis.com/${provider}`,
      grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      subjectToken: token,
    }),
  })
  if (status !== 200)
    throw new Error(
      `google-github-actions/auth failed with: failed to generate Google Cloud federated token: ${text}`,
    )
  const impersonation = `${base}/iamcredentials/v1/projects/-/serviceAccounts/${account}:generateAccessToken`
  if (inputs['token_format'] === 'access_token') {
    const federated = stringField(text, 'access_token')
    const answer = await ask(call, impersonation, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${federated}` },
      body: JSON.stringify({ scope: ['https://www.googleapis.com/auth/cloud-platform'], lifetime: '3600s' }),
    })
    if (answer.status !== 200)
      throw new Error(
        `google-github-actions/auth failed with: failed to generate Google Cloud access token: ${answer.text}`,
      )
    const accessToken = stringField(answer.text, 'accessToken')
    runtime.log.mask(accessToken)
    call.setOutput('access_token', accessToken)
  }
  const project = inputs['project_id'] || /@([^.]+)\.iam\.gserviceaccount\.com$/.exec(account)?.[1] || ''
  if (isYes(inputs['create_credentials_file'], true)) {
    const file = join(runtime.workspace, `gha-creds-${randomBytes(8).toString('hex')}.json`)
    const url = `${environment['ACTIONS_ID_TOKEN_REQUEST_URL']}&audience=${encodeURIComponent(audience)}`
    const credentials = {
      type: 'external_account',
      audience: `//iam.googleapis.com/${provider}`,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${base}/sts/v1/token`,
      ...(account === '' ? {} : { service_account_impersonation_url: impersonation }),
      credential_source: {
        url,
        headers: { Authorization: `Bearer ${environment['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}` },
        format: { type: 'json', subject_token_field_name: 'value' },
      },
    }
    writeFileSync(file, JSON.stringify(credentials), { mode: 0o600 })
    call.setOutput('credentials_file_path', file)
    for (const name of [
      'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE',
      'GOOGLE_APPLICATION_CREDENTIALS',
      'GOOGLE_GHA_CREDS_PATH',
    ])
      call.exportVariable(name, file)
  }
  if (project !== '')
    for (const name of [
      'CLOUDSDK_CORE_PROJECT',
      'CLOUDSDK_PROJECT',
      'GCLOUD_PROJECT',
      'GCP_PROJECT',
      'GOOGLE_CLOUD_PROJECT',
    ])
      call.exportVariable(name, project)
  call.setOutput('project_id', project)
}

/** https://github.com/Azure/login, with OIDC alone: it asks for the token that `az` would be signed in with, and signs no `az` in. */
export async function azureLogin(call: ActionCall): Promise<void> {
  const { inputs, runtime } = call
  const [client, tenant] = [inputs['client-id'] ?? '', inputs['tenant-id'] ?? '']
  if (client === '' || tenant === '')
    throw new Error("Login failed with Error: Ensure 'client-id' and 'tenant-id' are supplied.")
  const { status, text } = await ask(
    call,
    `${runtime.request.options.world.endpoints.azure}/${tenant}/oauth2/v2.0/token`,
    {
      method: 'POST',
      headers: form,
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client,
        scope: 'https://management.azure.com/.default',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await idToken(call, inputs['audience'] || 'api://AzureADTokenExchange'),
      }).toString(),
    },
  )
  if (status !== 200)
    throw new Error(`Login failed with Error: ${stringField(text, 'error_description') || text}`)
  runtime.log.write("Azure takes this job for the identity; the sandbox's runner signs no az in.")
}

function stringField(text: string, name: string): string {
  const read: unknown = JSON.parse(text)
  const found =
    typeof read === 'object' && read !== null
      ? Object.entries(read).find(([key]) => key === name)?.[1]
      : undefined
  return typeof found === 'string' ? found : ''
}
