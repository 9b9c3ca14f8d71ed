import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openHome } from '../src/home.ts'
import { openSqliteStore } from '../src/store/sqlite-store.ts'
import { type SandboxWithGithub, startSandboxWithGithub } from './github-fixture.ts'
import { type At, newRepository, outcome } from './github-runs.ts'

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))
const file = '.github/workflows/deploy.yml'
const issuer = 'https://token.actions.githubusercontent.com'

let hub: SandboxWithGithub
let at: At
let account: string
let project: string
let tenant: string
const poolName = 'projects/123/locations/global/workloadIdentityPools/github'
const providerName = `${poolName}/providers/github`
const clientId = '11111111-2222-4333-8444-555555555555'
let serviceAccount: string

beforeAll(async () => {
  hub = await startSandboxWithGithub({ clouds: 'real' })
  at = await newRepository(hub)
  const { data } = await hub.client().request('GET /repos/{owner}/{repo}/actions/oidc/customization/sub', at)
  const prefix = String(data.sub_claim_prefix)
  const { secrets } = await openHome(hub.home)
  account = secrets.awsAccountId
  project = secrets.gcpProjectId
  tenant = secrets.azureTenantId
  serviceAccount = `deploy@${project}.iam.gserviceaccount.com`
  // What terraform makes of the templates of phase 6; the ways there have tests of their own.
  using store = openSqliteStore(join(hub.home, 'store.sqlite'))
  const subject = `${prefix}:environment:dev`
  const providerArn = `arn:aws:iam::${account}:oidc-provider/${issuer.slice('https://'.length)}`
  store.put('aws_iam_openid_connect_provider', providerArn, {
    arn: providerArn,
    url: issuer.slice(8),
    client_id_list: ['sts.amazonaws.com'],
  })
  store.put('aws_iam_role', 'deploy', {
    name: 'deploy',
    arn: `arn:aws:iam::${account}:role/deploy`,
    max_session_duration: 3600,
    assume_role_policy: JSON.stringify({
      Statement: [
        {
          Effect: 'Allow',
          Action: 'sts:AssumeRoleWithWebIdentity',
          Principal: { Federated: providerArn },
          Condition: {
            StringEquals: {
              'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
              'token.actions.githubusercontent.com:sub': subject,
            },
          },
        },
      ],
    }),
  })
  store.put('google_iam_workload_identity_pool', 'pool', { name: poolName })
  store.put('google_iam_workload_identity_pool_provider', 'provider', {
    name: providerName,
    attribute_mapping: { 'google.subject': 'assertion.sub', 'attribute.repository': 'assertion.repository' },
    attribute_condition: `assertion.sub in ['${subject}']`,
    oidc: [{ issuer_uri: issuer, allowed_audiences: [] }],
  })
  store.put('google_service_account', `projects/${project}/serviceAccounts/${serviceAccount}`, {
    email: serviceAccount,
  })
  store.put('google_service_account_iam_member', 'member', {
    service_account_id: `projects/${project}/serviceAccounts/${serviceAccount}`,
    role: 'roles/iam.workloadIdentityUser',
    member: `principal://iam.googleapis.com/${poolName}/subject/${subject}`,
  })
  const identity = `/subscriptions/${secrets.azureSubscriptionId}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/deploy`
  store.put('azurerm_user_assigned_identity', identity, {
    client_id: clientId,
    principal_id: '99999999-2222-4333-8444-555555555555',
  })
  store.put('azurerm_federated_identity_credential', `${identity}/federatedIdentityCredentials/github`, {
    issuer,
    subject,
    audience: ['api://AzureADTokenExchange'],
  })
})
afterAll(() => hub?.stop())

/** The clouds' official SDKs, as a job has them. */
function script(): string {
  return `
import { createRequire } from 'node:module'
const require = createRequire(${JSON.stringify(join(repositoryRoot, 'package.json'))})
const { GetCallerIdentityCommand, STSClient } = require('@aws-sdk/client-sts')
const sts = new STSClient({ region: 'us-east-1' })
console.log('aws:', (await sts.send(new GetCallerIdentityCommand({}))).Arn)
const { GoogleAuth } = require('google-auth-library')
const google = await new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' }).getClient()
console.log('google:', (await google.getAccessToken()).token?.slice(0, 5))
const { ClientAssertionCredential } = require('@azure/identity')
const token = async () => {
  const answer = await fetch(process.env.ACTIONS_ID_TOKEN_REQUEST_URL + '&audience=api://AzureADTokenExchange', { headers: { authorization: 'bearer ' + process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN } })
  return (await answer.json()).value
}
const azure = new ClientAssertionCredential('${tenant}', '${clientId}', token, { authorityHost: process.env.AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true })
console.log('azure:', (await azure.getToken('https://management.azure.com/.default')).token.split('.').length)
`
}

function workflow(environment: string, audience = ''): string {
  const more = audience === '' ? '' : `, audience: ${audience}`
  return `
on: push
permissions: { contents: read, id-token: write }
jobs:
  aws:
    runs-on: x
    environment: ${environment}
    steps:
      - uses: aws-actions/configure-aws-credentials@v6
        with: { role-to-assume: 'arn:aws:iam::${account}:role/deploy', aws-region: us-east-1${more} }
  google:
    runs-on: x
    environment: ${environment}
    steps:
      - uses: google-github-actions/auth@v3
        with: { workload_identity_provider: ${providerName}, service_account: '${serviceAccount}', token_format: access_token${more} }
  azure:
    runs-on: x
    environment: ${environment}
    steps:
      - uses: azure/login@v2
        with: { client-id: ${clientId}, tenant-id: ${tenant}${more} }
`
}

test("a job is taken for the clouds' identities by its own token, by actions and by the official SDKs", async () => {
  const steps = workflow('dev')
  const sdk = `
  sdk:
    runs-on: x
    environment: dev
    steps:
      - uses: actions/checkout@v4
      - uses: aws-actions/configure-aws-credentials@v6
        with: { role-to-assume: 'arn:aws:iam::${account}:role/deploy', aws-region: us-east-1 }
      - uses: google-github-actions/auth@v3
        with: { workload_identity_provider: ${providerName}, service_account: '${serviceAccount}' }
      - run: node who.mjs
`
  await hub.push(`acme/${at.repo}`, { [file]: steps + sdk, 'who.mjs': script() })
  const { conclusions, logs } = await outcome(hub, at)
  expect({ conclusions, sdk: logs['sdk'] }).toMatchObject({
    conclusions: { aws: 'success', google: 'success', azure: 'success', sdk: 'success' },
  })
  expect(logs['sdk']).toContain(`aws: arn:aws:sts::${account}:assumed-role/deploy/GitHubActions`)
  expect(logs['sdk']).toMatch(/google: ya29\.[\s\S]*azure: 3/)
})

test('another environment gets the clouds’ own refusals', async () => {
  await hub.push(`acme/${at.repo}`, { [file]: workflow('other') })
  const { conclusions, logs } = await outcome(hub, at, 2)
  expect(conclusions).toEqual({ aws: 'failure', google: 'failure', azure: 'failure' })
  expect(logs['aws']).toContain('Not authorized to perform sts:AssumeRoleWithWebIdentity')
  expect(logs['google']).toContain('rejected by the attribute condition')
  expect(logs['azure']).toMatch(/AADSTS700213.*environment:other/)
})

test('another audience gets the clouds’ own refusals', async () => {
  await hub.push(`acme/${at.repo}`, { [file]: workflow('dev', 'somebody') })
  const { conclusions, logs } = await outcome(hub, at, 3)
  expect(conclusions).toEqual({ aws: 'failure', google: 'failure', azure: 'failure' })
  expect(logs['aws']).toContain('Incorrect token audience')
  expect(logs['google']).toContain('does not match the expected audience')
  expect(logs['azure']).toContain('AADSTS700027')
})

test('another repository gets nothing, and a job without the permission no token at all', async () => {
  const other = await newRepository(hub)
  await hub.push(`acme/${other.repo}`, { [file]: workflow('dev') })
  const { conclusions } = await outcome(hub, other)
  expect(conclusions).toEqual({ aws: 'failure', google: 'failure', azure: 'failure' })
  const without = await newRepository(hub)
  await hub.push(`acme/${without.repo}`, { [file]: workflow('dev').replace(', id-token: write', '') })
  expect((await outcome(hub, without)).logs['aws']).toContain('did you set permissions: id-token: write?')
})
