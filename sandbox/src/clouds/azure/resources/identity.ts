import { randomUUID } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import { isWithin } from '../arm-id.ts'
import { requiredText, text, texts } from '../attributes.ts'
import { azureType, resourceGroupIdOf } from '../azure-type.ts'

export const userAssignedIdentity = azureType({
  type: 'azurerm_user_assigned_identity',
  source:
    'https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftmanagedidentity',
  seconds: { create: 6, update: 4, delete: 8 },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z0-9][-\w]{2,127}$/,
    text: 'must begin with a letter or number and hold 3 to 128 letters, numbers, hyphens and underscores',
  },
  id: (planned, subscription) =>
    `${resourceGroupIdOf(planned, subscription)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${requiredText(planned, 'name')}`,
  // A new principal each time, as in Entra: what an earlier identity of the name was given is lost.
  create: (_planned, _id, { world }) => ({
    client_id: randomUUID(),
    principal_id: randomUUID(),
    tenant_id: world.secrets.azureTenantId,
  }),
  arm: {
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities',
    project: attributes => ({
      properties: {
        clientId: text(attributes, 'client_id'),
        principalId: text(attributes, 'principal_id'),
        tenantId: text(attributes, 'tenant_id'),
      },
    }),
  },
})

export const federatedIdentityCredential = azureType({
  type: 'azurerm_federated_identity_credential',
  source:
    'https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations (20 an identity; issuer and subject unique together; names of 3 to 120 characters)',
  seconds: { create: 4, update: 4, delete: 4 },
  refuses: { create: ['BadRequest'] },
  name: {
    attribute: 'name',
    pattern: /^[a-zA-Z0-9][-\w]{2,119}$/,
    text: 'must begin with a letter or number and hold 3 to 120 letters, numbers, hyphens and underscores',
  },
  id: planned =>
    `${requiredText(planned, 'user_assigned_identity_id')}/federatedIdentityCredentials/${requiredText(planned, 'name')}`,
  create(planned, _id, { world }) {
    const identity = requiredText(planned, 'user_assigned_identity_id')
    const siblings = world.store
      .list('azurerm_federated_identity_credential')
      .filter(other => isWithin(other.id, identity))
    if (siblings.length >= 20)
      throw new CloudError(
        'BadRequest',
        'Too many Federated Identity Credentials exist for the managed identity.',
      )
    const same = siblings.find(
      other =>
        text(other.attributes, 'issuer') === text(planned, 'issuer') &&
        text(other.attributes, 'subject') === text(planned, 'subject'),
    )
    if (same !== undefined)
      throw new CloudError(
        'BadRequest',
        `Issuer and subject combination already exists for this Managed Identity: ${same.id}.`,
      )
    return {}
  },
  arm: {
    type: 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials',
    project: attributes => ({
      properties: {
        issuer: text(attributes, 'issuer'),
        subject: text(attributes, 'subject'),
        audiences: texts(attributes, 'audience'),
      },
    }),
  },
})
