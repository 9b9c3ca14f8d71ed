import { createHash, randomBytes } from 'node:crypto'
import { stringify } from 'yaml'
import type { CloudName } from '../../clouds/cloud.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { secretData, secretValues } from '../../kube/secret.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { refuseForeignSecret, statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import { mark } from '../2-kubernetes/marks.ts'
import { loadTemplate } from '../2-kubernetes/templates.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context, PlatformStep } from '../phase.ts'

const keysName = 'keys'
const file = 'applications/keys.yaml'
const kinds = [{ apiVersion: 'v1', kind: 'Secret' }]

export const operatorKeyRef: ObjectRef = {
  apiVersion: 'v1',
  kind: 'Secret',
  name: 'api-gateway-operator-key',
  namespace: 'ml-platform',
}

/** Keys that are made once in each cluster, and live only there: not in mlp's state, not on this machine. */
export function keysStep(cloudName: CloudName): PlatformStep {
  return {
    id: `3.${cloudName}.${keysName}`,
    cloud: cloudName,
    title: 'Keys of the services',
    needs: [`1.${cloudName}.apply-cluster`, `2.${cloudName}.namespaces`],
    inputs: () => null,
    status: context =>
      statusInCluster(context, cloudName, async client => {
        const missing = await missingSecrets(context, client)
        if (missing.length === 0) return { state: 'present', outputs: {} }
        const names = missing.map(secret => secret.metadata.name).join(', ')
        return { state: 'absent', why: `missing: ${names}` }
      }),
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const missing = await missingSecrets(context, client)
      if (missing.length === 0) return {}
      const data = await newData(client)
      for (const secret of missing) {
        progress.report(describeRef(refOf(secret)))
        await client.apply(
          mark(context, keysName, { ...secret, data: secretData(data[secret.metadata.name] ?? {}) }),
        )
      }
      return {}
    },
    undo: (context, progress) =>
      undoInCluster(context, cloudName, client =>
        undoObjects(context, client, cloudName, { name: keysName, kinds }, message =>
          progress.report(message),
        ),
      ),
  }
}

async function missingSecrets(context: Context, client: KubeClient): Promise<readonly KubeObject[]> {
  const wanted = await loadTemplate(context, file)
  const found = await Promise.all(wanted.map(secret => client.get(refOf(secret))))
  for (const secret of found) refuseForeignSecret(context, secret)
  return wanted.filter((_, index) => found[index] === undefined)
}

/** The gateway's hash belongs to the operator's key, so that an existing key is kept. */
async function newData(client: KubeClient): Promise<Readonly<Record<string, Record<string, string>>>> {
  const existing = secretValues(await client.get(operatorKeyRef))['key']
  const key = existing ?? `mlp_${randomBytes(8).toString('hex')}_${randomBytes(32).toString('base64url')}`
  const [, id] = key.split('_')
  const sha256 = createHash('sha256').update(key).digest('hex')
  const operator = { name: 'operator', scopes: ['infer:*'], keys: [{ id, sha256 }] }
  return {
    'api-gateway-keys': { 'clients.yaml': stringify({ clients: [operator] }) },
    'api-gateway-operator-key': { key },
    'data-sync-token': { token: randomBytes(32).toString('base64url') },
  }
}
