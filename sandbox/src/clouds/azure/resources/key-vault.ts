import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import type { Attributes, ResourceStore } from '../../../store/resource-store.ts'
import { lastSegment, sameId } from '../arm-id.ts'
import { count, flag, requiredText, text, texts } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

/** Soft-deleted vaults by name: they hold their name and their keys for the retention period. */
const deletedVaults = 'azure/deleted-vaults'
const deletedKeys = 'azure/deleted-keys'

export const keyVault = azureType({
  type: 'azurerm_key_vault',
  source:
    'https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview; https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault',
  seconds: { create: 140, update: 20, delete: 15 },
  refuses: { create: ['VaultAlreadyExists', 'ConflictError'] },
  name: {
    attribute: 'name',
    pattern: /^(?!.*--)[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]$/,
    text: 'may only contain alphanumeric characters and dashes and must be between 3-24 chars',
  },
  validate: configured => {
    const days = count(configured, 'soft_delete_retention_days')
    return days === undefined || (days >= 7 && days <= 90)
      ? []
      : [
          {
            path: 'soft_delete_retention_days',
            message: `expected soft_delete_retention_days to be in the range (7 - 90), got ${days}`,
          },
        ]
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.KeyVault/vaults/${requiredText(planned, 'name')}`,
  create(planned, id, { world }) {
    const name = requiredText(planned, 'name')
    if (vaultNamed(name, world.store) !== undefined)
      throw new CloudError('VaultAlreadyExists', `The vault name '${name}' is already in use.`, 409)
    const deleted = world.store.getFact(deletedVaults, name)
    if (typeof deleted === 'string' && !sameId(deleted, id))
      throw new CloudError(
        'ConflictError',
        `A vault with the same name already exists in deleted state. You need to either recover or purge existing key vault.`,
        409,
      )
    // features.key_vault.recover_soft_deleted_key_vaults: the same id comes back instead of a new vault.
    world.store.deleteFact(deletedVaults, name)
    return { vault_uri: `https://${name}.vault.azure.net/`, access_policy: [] }
  },
  update: async (prior, planned) => {
    if (flag(prior, 'purge_protection_enabled') && !flag(planned, 'purge_protection_enabled'))
      throw new CloudError(
        'BadRequest',
        'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible action.',
      )
    return { ...prior, ...planned }
  },
  removed(attributes, { world }) {
    world.store.putFact(deletedVaults, requiredText(attributes, 'name'), requiredText(attributes, 'id'))
  },
  arm: {
    type: 'Microsoft.KeyVault/vaults',
    project: attributes => ({
      properties: {
        provisioningState: 'Succeeded',
        tenantId: text(attributes, 'tenant_id'),
        vaultUri: text(attributes, 'vault_uri'),
        sku: { family: 'A', name: text(attributes, 'sku_name') },
        enableRbacAuthorization: flag(attributes, 'rbac_authorization_enabled'),
        enableSoftDelete: true,
        softDeleteRetentionInDays: count(attributes, 'soft_delete_retention_days'),
        enablePurgeProtection: flag(attributes, 'purge_protection_enabled'),
        publicNetworkAccess: flag(attributes, 'public_network_access_enabled') ? 'Enabled' : 'Disabled',
      },
    }),
  },
})

export const keyVaultKey = azureType({
  type: 'azurerm_key_vault_key',
  source: 'https://learn.microsoft.com/azure/key-vault/keys/about-keys; HSM keys need the premium SKU',
  seconds: { create: 12, update: 5, delete: 25 },
  beyondLocks: true,
  name: {
    attribute: 'name',
    pattern: /^[0-9a-zA-Z-]{1,127}$/,
    text: 'may only contain alphanumeric characters and dashes, 127 at most',
  },
  id: () => '',
  create(planned, _id, { world }) {
    const vaultId = requiredText(planned, 'key_vault_id')
    const vault = world.store.list('azurerm_key_vault').find(other => sameId(other.id, vaultId))
    if (vault === undefined)
      throw new CloudError('VaultNotFound', `The Resource '${vaultId}' was not found.`, 404)
    const name = requiredText(planned, 'name')
    const type = requiredText(planned, 'key_type')
    if (type.endsWith('-HSM') && text(vault.attributes, 'sku_name') !== 'premium')
      throw new CloudError('NotSupported', `Key type ${type} is supported by premium vaults only.`)
    const versionless = `${requiredText(vault.attributes, 'vault_uri')}keys/${name}`
    if (
      world.store
        .list('azurerm_key_vault_key')
        .some(key => text(key.attributes, 'versionless_id') === versionless)
    )
      throw new CloudError(
        'ResourceExists',
        `A resource with the ID "${versionless}" already exists - to be managed via Terraform this resource needs to be imported into the State. Please see the resource documentation for "azurerm_key_vault_key" for more information.`,
        409,
      )
    const version = recoveredVersion(versionless, world.store) ?? randomBytes(16).toString('hex')
    const arm = `${vault.id}/keys/${name}`
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: count(planned, 'key_size') ?? 2048 })
    const jwk = publicKey.export({ format: 'jwk' })
    return {
      id: `${versionless}/${version}`,
      version,
      versionless_id: versionless,
      resource_id: `${arm}/versions/${version}`,
      resource_versionless_id: arm,
      curve: '',
      x: '',
      y: '',
      n: jwk.n,
      e: jwk.e,
      public_key_pem: publicKey.export({ format: 'pem', type: 'spki' }),
      public_key_openssh: '',
    }
  },
  removed(attributes, { world }) {
    world.store.putFact(
      deletedKeys,
      requiredText(attributes, 'versionless_id'),
      requiredText(attributes, 'version'),
    )
  },
  arm: {
    type: 'Microsoft.KeyVault/vaults/keys',
    id: resource => requiredText(resource.attributes, 'resource_versionless_id'),
    project: attributes => ({
      properties: {
        kty: text(attributes, 'key_type'),
        keySize: count(attributes, 'key_size'),
        keyOps: texts(attributes, 'key_opts'),
        keyUri: text(attributes, 'versionless_id'),
        keyUriWithVersion: text(attributes, 'id'),
      },
    }),
  },
})

function vaultNamed(name: string, store: ResourceStore) {
  return store
    .list('azurerm_key_vault')
    .find(vault => lastSegment(vault.id).toLowerCase() === name.toLowerCase())
}

function recoveredVersion(versionless: string, store: ResourceStore): string | undefined {
  const version = store.getFact(deletedKeys, versionless)
  if (typeof version !== 'string') return undefined
  store.deleteFact(deletedKeys, versionless)
  return version
}

/** Is this the versioned id of a key that exists? */
export function keyExists(keyId: string, store: ResourceStore): boolean {
  return store.list('azurerm_key_vault_key').some((key: { readonly attributes: Attributes }) => {
    const attributes = key.attributes
    return text(attributes, 'id') === keyId || text(attributes, 'versionless_id') === keyId
  })
}
