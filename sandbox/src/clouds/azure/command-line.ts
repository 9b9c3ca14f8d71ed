import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { World } from '../../world.ts'
import { subscriptionIds } from './principal.ts'

/**
 * What the unmodified `az` needs: its own configuration folder, with the sandbox registered as a cloud and its
 * service principal signed in. az fetches tokens when it needs them.
 */
export function commandLineEnvironment(world: World): Readonly<Record<string, string | undefined>> {
  const folder = join(world.home, 'az')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const write = (name: string, content: string) => writeFileSync(join(folder, name), content, { mode: 0o600 })
  const { azureTenantId, azureClientId, azureClientSecret } = world.secrets
  const endpoint = world.endpoints.azure.replace(/\/+$/, '')
  const subscriptions = subscriptionIds(world)
  write(
    'config',
    ini({
      cloud: { name: 'mlp' },
      core: {
        instance_discovery: 'false',
        collect_telemetry: 'false',
        encrypt_token_cache: 'false',
        enable_broker_on_windows: 'false',
        login_experience_v2: 'false',
      },
    }),
  )
  write(
    'clouds.config',
    ini({
      mlp: {
        endpoint_management: 'https://management.core.windows.net/',
        endpoint_resource_manager: endpoint,
        endpoint_active_directory: endpoint,
        endpoint_active_directory_resource_id: 'https://management.core.windows.net/',
        endpoint_active_directory_graph_resource_id: endpoint,
        endpoint_microsoft_graph_resource_id: endpoint,
        endpoint_gallery: endpoint,
        suffix_storage_endpoint: 'core.windows.net',
        suffix_keyvault_dns: '.vault.azure.net',
        suffix_acr_login_server_endpoint: '.azurecr.io',
        suffix_sql_server_hostname: '.database.windows.net',
        subscription: subscriptions[0] ?? '',
      },
    }),
  )
  write(
    'service_principal_entries.json',
    JSON.stringify([{ client_id: azureClientId, tenant: azureTenantId, client_secret: azureClientSecret }]),
  )
  write(
    'azureProfile.json',
    JSON.stringify({
      installationId: azureClientId,
      subscriptions: subscriptions.map((id, index) => ({
        id,
        name: 'mlp sandbox (simulated)',
        state: 'Enabled',
        user: { name: azureClientId, type: 'servicePrincipal' },
        isDefault: index === 0,
        tenantId: azureTenantId,
        environmentName: 'mlp',
        homeTenantId: azureTenantId,
        managedByTenants: [],
      })),
    }),
  )
  return {
    AZURE_CONFIG_DIR: folder,
    REQUESTS_CA_BUNDLE: world.caFile,
    AZURE_CORE_INSTANCE_DISCOVERY: 'false',
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
    AZURE_CLIENT_ID: undefined,
    AZURE_CLIENT_SECRET: undefined,
    AZURE_TENANT_ID: undefined,
  }
}

function ini(sections: Readonly<Record<string, Readonly<Record<string, string>>>>): string {
  return Object.entries(sections)
    .map(([name, values]) =>
      [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`), ''].join('\n'),
    )
    .join('\n')
}
