import type { JsonObject } from '../../engine/json.ts'
import type { AzurePlatform } from './platform.ts'
import { builtInRoles } from './roles.ts'

/**
 * Roles that mlp and templates/terraform/azure assign, by name and id. Whoever runs mlp may assign these and no others.
 * Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
 */
export const assignedRoles: Readonly<Record<string, string>> = {
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
  AcrPush: '8311e382-0749-4cb8-b61a-304f252e45ec',
  'Azure Kubernetes Service Cluster User Role': '4abbcc35-e782-43d8-92c5-2d3f1bd2253f',
  'Azure Kubernetes Service RBAC Cluster Admin': 'b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b',
  'Key Vault Crypto Officer': '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
  'Key Vault Crypto User': '12338af0-0e69-4776-bea7-57ae8d297424',
  'Key Vault Reader': '21090545-7ca7-4776-b22c-e363652d74d2',
  'Managed Identity Operator': 'f1a07417-d97a-45cb-824c-7a7467783830',
  'Network Contributor': '4d97b98b-1d4f-4787-a291-c67834d212e7',
  Reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
  'Storage Blob Data Contributor': builtInRoles.storageBlobDataContributor,
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
}

const assignmentActions = ['write', 'delete'] as const

/** Roles for whoever runs mlp, on the subscription; `az role assignment create --condition` gives one. */
export function policy({ subscriptionId, options }: AzurePlatform): JsonObject {
  const { dns } = options.config
  const elsewhere = dns?.cloud === 'azure' && dns.zone.startsWith('/') ? [dns.zone] : []
  const ids = Object.values(assignedRoles).join(', ')
  const attribute = 'Microsoft.Authorization/roleAssignments:RoleDefinitionId'
  const condition = assignmentActions
    .map(verb => {
      const side = verb === 'write' ? '@Request' : '@Resource'
      return `((!(ActionMatches{'Microsoft.Authorization/roleAssignments/${verb}'})) OR (${side}[${attribute}] ForAnyOfAnyValues:GuidEquals {${ids}}))`
    })
    .join(' AND ')
  return {
    scope: `/subscriptions/${subscriptionId}`,
    roles: [
      { role: 'Contributor', why: 'makes, changes and removes everything but access' },
      {
        role: 'Role Based Access Control Administrator',
        why: `gives the platform's identities these roles and no others: ${Object.keys(assignedRoles).join(', ')}`,
        conditionVersion: '2.0',
        condition,
      },
      { role: 'Locks Contributor', why: 'keeps data from being deleted by mistake' },
      ...elsewhere.map(scope => ({
        role: 'DNS Zone Contributor',
        scope,
        why: 'makes the platform’s names; Contributor has that in its own subscription',
      })),
    ],
  }
}
