/** Built-in roles that mlp itself assigns. Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
export const builtInRoles = {
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
} as const
