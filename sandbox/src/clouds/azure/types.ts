import type { AzureType } from './azure-type.ts'
import { managementLock, roleAssignment } from './resources/authorization.ts'
import { subscriptionBudget } from './resources/budget.ts'
import { privateDnsZone, privateDnsZoneLink, privateEndpoint } from './resources/dns.ts'
import { federatedIdentityCredential, userAssignedIdentity } from './resources/identity.ts'
import { keyVault, keyVaultKey } from './resources/key-vault.ts'
import { kubernetesCluster } from './resources/kubernetes-cluster.ts'
import { diagnosticSetting, logAnalyticsWorkspace } from './resources/monitor.ts'
import {
  natGateway,
  natGatewayPublicIp,
  networkSecurityGroup,
  publicIp,
  subnet,
  subnetNatGateway,
  subnetSecurityGroup,
  virtualNetwork,
} from './resources/network.ts'
import { nodePool } from './resources/node-pool.ts'
import {
  postgresqlAdministrator,
  postgresqlBackup,
  postgresqlConfiguration,
  postgresqlDatabase,
  postgresqlServer,
} from './resources/postgresql.ts'
import { managedRedis, redisAccessPolicyAssignment } from './resources/redis.ts'
import { containerRegistry } from './resources/registry.ts'
import { resourceGroup } from './resources/resource-group.ts'
import { sqlDatabase, sqlServer } from './resources/sql.ts'
import { storageAccount, storageContainer, storageManagementPolicy } from './resources/storage.ts'

/** Everything the simulated Azure knows: what the templates use, and no more. */
export const azureTypes: readonly AzureType[] = [
  resourceGroup,
  virtualNetwork,
  subnet,
  networkSecurityGroup,
  publicIp,
  natGateway,
  natGatewayPublicIp,
  subnetNatGateway,
  subnetSecurityGroup,
  privateDnsZone,
  privateDnsZoneLink,
  privateEndpoint,
  userAssignedIdentity,
  federatedIdentityCredential,
  roleAssignment,
  managementLock,
  subscriptionBudget,
  keyVault,
  keyVaultKey,
  postgresqlServer,
  postgresqlDatabase,
  postgresqlAdministrator,
  postgresqlConfiguration,
  postgresqlBackup,
  sqlServer,
  sqlDatabase,
  storageAccount,
  storageContainer,
  storageManagementPolicy,
  managedRedis,
  redisAccessPolicyAssignment,
  containerRegistry,
  logAnalyticsWorkspace,
  diagnosticSetting,
  kubernetesCluster,
  nodePool,
]
