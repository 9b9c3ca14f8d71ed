import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SimulatedCloud } from '../../simulated-cloud.ts'
import type { World } from '../../world.ts'
import { defaultRegion } from './naming.ts'

/** Credentials and endpoint as every AWS SDK, the CLI and terraform's s3 backend read them. */
function environment(world: World): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: world.secrets.awsAccessKeyId,
    AWS_SECRET_ACCESS_KEY: world.secrets.awsSecretAccessKey,
    AWS_REGION: defaultRegion,
    AWS_DEFAULT_REGION: defaultRegion,
    AWS_ENDPOINT_URL: world.endpoints.aws,
    AWS_CA_BUNDLE: world.caFile,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

/** For the official CLI, unmodified. The empty files keep a person's own profiles out of it. */
export function commandLineEnvironment(world: World): Readonly<Record<string, string | undefined>> {
  const folder = join(world.home, 'aws')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const config = join(folder, 'config')
  const credentials = join(folder, 'credentials')
  // An IP address cannot carry the bucket in its host name.
  writeFileSync(config, '[default]\ns3 =\n    addressing_style = path\n', { mode: 0o600 })
  writeFileSync(credentials, '', { mode: 0o600 })
  return {
    ...environment(world),
    AWS_CONFIG_FILE: config,
    AWS_SHARED_CREDENTIALS_FILE: credentials,
    AWS_PROFILE: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: undefined,
  }
}

export function target(world: World): ReturnType<SimulatedCloud['target']> {
  return {
    account: world.secrets.awsAccountId,
    environment: {
      ...environment(world),
      // The registry is reached by its real host name, through the proxy.
      HTTPS_PROXY: world.endpoints.proxy,
      SSL_CERT_FILE: world.caFile,
    },
    endpoints: { aws: world.endpoints.aws },
    backend: {
      use_path_style: true,
      skip_metadata_api_check: true,
    },
  }
}
