import { CloudError } from '../../../behaviour.ts'
import type { World } from '../../../world.ts'
import { lastSegment } from '../arm-id.ts'
import { flag, requiredText } from '../attributes.ts'
import { clusterKey } from '../resources/node-groups.ts'
import { aksAudience } from '../tokens.ts'
import type { ArmResponse } from './exchange.ts'
import { findResource } from './resources.ts'

/** Application that kubelogin signs users in with. Source: https://azure.github.io/kubelogin/concepts/aks.html */
const kubeloginClientId = '80faf920-1908-4b52-b5ef-a8e7bedfc67a'

/** POST to `<id>/<action>`; undefined when the resource has no such action. */
export function runAction(world: World, id: string, action: string): ArmResponse | undefined {
  const found = findResource(world, id)
  if (found === undefined) return undefined
  const { attributes } = found.stored
  switch (`${found.stored.type}/${action.toLowerCase()}`) {
    case 'azurerm_kubernetes_cluster/listclusterusercredential':
      return { status: 200, body: { kubeconfigs: [{ name: 'clusterUser', value: kubeconfig(world, id) }] } }
    case 'azurerm_kubernetes_cluster/listclusteradmincredential':
      throw new CloudError(
        'BadRequest',
        'Getting static credential is not allowed because this cluster is set to disable local accounts.',
      )
    case 'azurerm_storage_account/listkeys':
      // Azure hands out keys that its data plane then refuses; here they would open the emulator, so they stay hidden.
      if (!flag(attributes, 'shared_access_key_enabled'))
        throw new CloudError(
          'KeyBasedAuthenticationNotPermitted',
          'Key based authentication is not permitted on this storage account.',
          403,
        )
      return {
        status: 200,
        body: {
          keys: ['key1', 'key2'].map(keyName => ({
            keyName,
            value: requiredText(attributes, 'primary_access_key'),
            permissions: 'FULL',
          })),
        },
      }
    default:
      return undefined
  }
}

/** The kubeconfig that AKS gives to users of an Entra cluster: kubelogin fetches the tokens. */
function kubeconfig(world: World, clusterId: string): string {
  const name = lastSegment(clusterId)
  const endpoint = world.clusters.describe(clusterKey(clusterId))
  const user = `clusterUser_${clusterId.split('/')[4]}_${name}`
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: {
          server: endpoint?.endpoint ?? '',
          'certificate-authority-data': Buffer.from(endpoint?.caPem ?? '').toString('base64'),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user } }],
    users: [
      {
        name: user,
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1beta1',
            command: 'kubelogin',
            args: [
              'get-token',
              ...['--environment', 'AzurePublicCloud', '--server-id', aksAudience],
              ...['--client-id', kubeloginClientId, '--tenant-id', world.secrets.azureTenantId],
              ...['--login', 'devicecode'],
            ],
            env: null,
            provideClusterInfo: false,
          },
        },
      },
    ],
  }
  return Buffer.from(JSON.stringify(config)).toString('base64')
}
