import { randomUUID } from 'node:crypto'
import { CloudError } from '../../../behaviour.ts'
import type { Attributes } from '../../../store/resource-store.ts'
import { lastSegment, sameId, subscriptionId } from '../arm-id.ts'
import { isAttributes, requiredText, text } from '../attributes.ts'
import { azureType } from '../azure-type.ts'

/**
 * Azure's built-in roles that the platform uses.
 * Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
 */
const builtInRoles: Readonly<Record<string, string>> = {
  Owner: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
  Contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
  Reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
  AcrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
  AcrPush: '8311e382-0749-4cb8-b61a-304f252e45ec',
  'Azure Kubernetes Service Cluster User Role': '4abbcc35-e782-43d8-92c5-2d3f1bd2253f',
  'Azure Kubernetes Service RBAC Cluster Admin': 'b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b',
  'Azure Kubernetes Service RBAC Admin': '3498e952-d568-435e-9b2c-8d77e338d7f7',
  'Azure Kubernetes Service RBAC Writer': 'a7ffa36f-339b-4b5c-8bdf-e2c188b2c0eb',
  'Azure Kubernetes Service RBAC Reader': '7f6c6a51-bcf8-42ba-9220-52d62157d7db',
  'Key Vault Crypto Officer': '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
  'Key Vault Crypto User': '12338af0-0e69-4776-bea7-57ae8d297424',
  'Key Vault Reader': '21090545-7ca7-4776-b22c-e363652d74d2',
  'Managed Identity Operator': 'f1a07417-d97a-45cb-824c-7a7467783830',
  'Network Contributor': '4d97b98b-1d4f-4787-a291-c67834d212e7',
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
}

export const roleAssignment = azureType({
  type: 'azurerm_role_assignment',
  source:
    'https://learn.microsoft.com/azure/role-based-access-control/role-assignments (named by UUID; one a principal, role and scope; a principal or role cannot be changed)',
  seconds: { create: 25, update: 10, delete: 10 },
  refuses: { create: ['RoleAssignmentExists'] },
  id: planned =>
    `${requiredText(planned, 'scope')}/providers/Microsoft.Authorization/roleAssignments/${text(planned, 'name') ?? randomUUID()}`,
  create(planned, id, { world, ...scope }) {
    const role = roleOf(planned, requiredText(planned, 'scope'))
    const principal = requiredText(planned, 'principal_id')
    const taken = world.store
      .list('azurerm_role_assignment')
      .find(
        other =>
          sameId(requiredText(other.attributes, 'scope'), requiredText(planned, 'scope')) &&
          text(other.attributes, 'principal_id') === principal &&
          sameId(requiredText(other.attributes, 'role_definition_id'), role.id),
      )
    if (taken !== undefined)
      throw new CloudError(
        'RoleAssignmentExists',
        `The role assignment already exists. The ID of the existing role assignment is ${lastSegment(taken.id).replaceAll('-', '')}.`,
        409,
      )
    scope.report(`${role.name} for ${principal}`)
    return {
      name: lastSegment(id),
      role_definition_id: role.id,
      role_definition_name: role.name,
      principal_type: text(planned, 'principal_type') ?? 'ServicePrincipal',
      condition_version: text(planned, 'condition_version') ?? '',
    }
  },
  arm: {
    type: 'Microsoft.Authorization/roleAssignments',
    project: attributes => ({
      properties: {
        roleDefinitionId: text(attributes, 'role_definition_id'),
        principalId: text(attributes, 'principal_id'),
        principalType: text(attributes, 'principal_type'),
        scope: text(attributes, 'scope'),
      },
    }),
    fromArm(id, body) {
      const properties = isAttributes(body['properties']) ? body['properties'] : {}
      return {
        name: lastSegment(id),
        scope: id.replace(/\/providers\/Microsoft\.Authorization\/roleAssignments\/[^/]+$/i, ''),
        role_definition_id: requiredText(properties, 'roleDefinitionId'),
        principal_id: requiredText(properties, 'principalId'),
        ...(text(properties, 'principalType') ? { principal_type: text(properties, 'principalType') } : {}),
      }
    },
  },
})

export const managementLock = azureType({
  type: 'azurerm_management_lock',
  source: 'https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources',
  seconds: { create: 3, update: 3, delete: 5 },
  name: {
    attribute: 'name',
    pattern: /^[A-Za-z0-9-_]{1,260}$/,
    text: 'must hold 1 to 260 letters, numbers, hyphens and underscores',
  },
  validate: configured => {
    const level = text(configured, 'lock_level')
    return level === undefined || ['CanNotDelete', 'ReadOnly'].includes(level)
      ? []
      : [
          {
            path: 'lock_level',
            message: `expected lock_level to be one of ["CanNotDelete" "ReadOnly"], got ${level}`,
          },
        ]
  },
  id: planned =>
    `${requiredText(planned, 'scope')}/providers/Microsoft.Authorization/locks/${requiredText(planned, 'name')}`,
  create: () => ({}),
  arm: {
    type: 'Microsoft.Authorization/locks',
    project: attributes => ({
      properties: { level: text(attributes, 'lock_level'), notes: text(attributes, 'notes') },
    }),
  },
})

function roleOf(planned: Attributes, scope: string): { readonly id: string; readonly name: string } {
  const given = text(planned, 'role_definition_id')
  const name =
    text(planned, 'role_definition_name') ??
    Object.entries(builtInRoles).find(([, id]) => given !== undefined && sameId(lastSegment(given), id))?.[0]
  const id = name === undefined ? undefined : builtInRoles[name]
  if (name === undefined || id === undefined)
    throw new CloudError(
      'RoleDefinitionDoesNotExist',
      `The specified role definition '${name ?? given}' does not exist.`,
      404,
    )
  return {
    id: `/subscriptions/${subscriptionId(scope)}/providers/Microsoft.Authorization/roleDefinitions/${id}`,
    name,
  }
}
