import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SimulatedCloud } from '../../simulated-cloud.ts'
import type { World } from '../../world.ts'
import { serviceNames } from './api/handle.ts'
import { clientId, clientSecret, issueToken, operatorEmail, refreshToken } from './tokens.ts'

/** As long as a working day: gcloud reads this file and cannot refresh it. */
const commandLineTokenSeconds = 12 * 60 * 60

/** What the official libraries read as application default credentials; they refresh themselves at the sandbox. */
function writeCredentials(world: World): string {
  const file = join(folderOf(world), 'application_default_credentials.json')
  const credentials = {
    type: 'authorized_user',
    client_id: clientId,
    client_secret: clientSecret(world),
    refresh_token: refreshToken(world),
    token_uri: `${world.endpoints.gcp}/oauth2/token`,
    quota_project_id: world.secrets.gcpProjectId,
  }
  writeFileSync(file, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 })
  return file
}

/** Storage at its usual path, the container API without one, every other service below its own name. */
export function target(world: World): ReturnType<SimulatedCloud['target']> {
  const base = world.endpoints.gcp
  return {
    account: world.secrets.gcpProjectId,
    environment: {
      GOOGLE_APPLICATION_CREDENTIALS: writeCredentials(world),
      GOOGLE_CLOUD_PROJECT: world.secrets.gcpProjectId,
      // The registry is reached by its real host name, through the proxy.
      HTTPS_PROXY: world.endpoints.proxy,
      SSL_CERT_FILE: world.caFile,
    },
    endpoints: {
      container: base,
      storage: base,
      oauth2: `${base}/oauth2`,
      sts: `${base}/sts`,
      ...Object.fromEntries(serviceNames.map(name => [name, `${base}/${name}`])),
    },
    backend: { storage_custom_endpoint: `${base}/storage/v1/` },
  }
}

/** For the official gcloud and gsutil: shared/facts/clis.md says what each reads. */
export function commandLineEnvironment(world: World): Readonly<Record<string, string | undefined>> {
  const folder = folderOf(world)
  const { hostname, port } = new URL(world.endpoints.gcp)
  const tokenFile = join(folder, 'access-token')
  writeFileSync(tokenFile, issueToken(world, commandLineTokenSeconds), { mode: 0o600 })
  const configuration = join(folder, 'gcloud')
  mkdirSync(configuration, { recursive: true, mode: 0o700 })
  const boto = join(folder, 'boto')
  writeFileSync(boto, botoConfiguration(world, hostname, port, folder), { mode: 0o600 })
  return {
    CLOUDSDK_CONFIG: configuration,
    CLOUDSDK_CORE_PROJECT: world.secrets.gcpProjectId,
    CLOUDSDK_CORE_ACCOUNT: operatorEmail,
    CLOUDSDK_CORE_DISABLE_PROMPTS: '1',
    CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: world.caFile,
    // In the shell these would win over gcloud's own setting; the Azure CLI wants the same file.
    REQUESTS_CA_BUNDLE: world.caFile,
    CURL_CA_BUNDLE: undefined,
    CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: tokenFile,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER: `${world.endpoints.gcp}/`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${world.endpoints.gcp}/storage/v1/`,
    BOTO_CONFIG: boto,
    GOOGLE_APPLICATION_CREDENTIALS: writeCredentials(world),
    GOOGLE_CLOUD_PROJECT: world.secrets.gcpProjectId,
    USE_GKE_GCLOUD_AUTH_PLUGIN: 'True',
  }
}

function botoConfiguration(world: World, host: string, port: string, folder: string): string {
  return `[Credentials]
gs_json_host = ${host}
gs_json_port = ${port}
gs_host = ${host}
gs_port = ${port}
gs_oauth2_refresh_token = ${refreshToken(world)}

[OAuth2]
client_id = ${clientId}
client_secret = ${clientSecret(world)}
provider_label = mlp sandbox
provider_authorization_uri = ${world.endpoints.gcp}/oauth2/auth
provider_token_uri = ${world.endpoints.gcp}/oauth2/token

[Boto]
is_secure = True
https_validate_certificates = True
ca_certificates_file = ${world.caFile}
num_retries = 2

[GSUtil]
prefer_api = json
default_project_id = ${world.secrets.gcpProjectId}
software_update_check_period = 0
state_dir = ${join(folder, 'gsutil')}
`
}

function folderOf(world: World): string {
  const folder = join(world.home, 'gcp')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}
