import * as z from 'zod'
import type { JsonObject } from '../../engine/json.ts'
import { namespaceOf, type WorkloadIdentity } from '../cloud.ts'
import type { AzurePlatform } from './platform.ts'

/** The cluster root's output; a run that has none yet gets service accounts without their client ids. */
const outputsSchema = z.object({ workload_identities: z.record(z.string(), z.string()).default({}) })

const services = ['api-gateway', 'model-serving', 'data-sync', 'mlflow', 'database-admin'] as const

/** https://learn.microsoft.com/azure/aks/workload-identity-overview#service-account-labels-and-annotations */
export function workloadIdentity(platform: AzurePlatform, outputs: JsonObject): WorkloadIdentity {
  const parsed = outputsSchema.safeParse(outputs)
  const clientIds = parsed.success ? parsed.data.workload_identities : {}
  return {
    serviceAccounts: services.map(name => {
      const clientId = clientIds[name]
      return {
        namespace: namespaceOf(name),
        name,
        annotations: clientId === undefined ? {} : { 'azure.workload.identity/client-id': clientId },
        labels: { 'azure.workload.identity/use': 'true' },
      }
    }),
    facts: {
      provider: 'azure',
      region: platform.location,
      'subscription-id': platform.subscriptionId,
      'resource-group': platform.names.resourceGroup,
      'storage-account': platform.names.storageAccount,
      ...Object.fromEntries(
        Object.entries(platform.names.containers).map(([purpose, name]) => [`${purpose}-container`, name]),
      ),
    },
  }
}

/** Premium disks, made where the pod runs, grown on demand. https://learn.microsoft.com/azure/aks/azure-csi-disk-storage-provision */
export const storageClass: JsonObject = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name: 'ml-platform-default',
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  provisioner: 'disk.csi.azure.com',
  parameters: { skuName: 'StandardSSD_LRS' },
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
}
