import { createHash, randomBytes } from 'node:crypto'
import { stringify } from 'yaml'
import type { CloudName } from '../../clouds/cloud.ts'
import { configuredClouds } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { secretData, secretValues } from '../../kube/secret.ts'
import { openCluster, requireCluster } from '../2-kubernetes/cluster.ts'
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

/**
 * Keys that are made once and live only in the clusters: not in mlp's state, not on this machine. All clusters have the
 * same operator's key, since a gateway that is gone is stood in for by another cloud's, which has to know its clients.
 */
export function keysStep(config: Config, cloudName: CloudName): PlatformStep {
  const [first = cloudName] = configuredClouds(config)
  return {
    id: `3.${cloudName}.${keysName}`,
    cloud: cloudName,
    title: 'Keys of the services',
    needs: [
      `1.${cloudName}.apply-cluster`,
      `2.${cloudName}.namespaces`,
      // Side by side each would make a key of its own.
      ...(first === cloudName ? [] : [`3.${first}.${keysName}` as const]),
    ],
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
      const data = newData((await operatorKey(client)) ?? (await keyOfOthers(context, cloudName)) ?? newKey())
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

/** By which the operator asks the gateway; undefined where the cluster has none yet. */
export async function operatorKey(client: KubeClient): Promise<string | undefined> {
  return secretValues(await client.get(operatorKeyRef))['key']
}

/** Of the first other cluster of this run that has one. */
async function keyOfOthers(context: Context, cloudName: CloudName): Promise<string | undefined> {
  for (const [name, cloud] of context.clouds) {
    const access = name === cloudName ? undefined : await cloud.cluster(context.signal)
    const key = access === undefined ? undefined : await operatorKey(openCluster(context, cloud, access))
    if (key !== undefined) return key
  }
  return undefined
}

function newKey(): string {
  return `mlp_${randomBytes(8).toString('hex')}_${randomBytes(32).toString('base64url')}`
}

/** What each Secret holds, by its name. Of the operator's key the gateway gets the hash. */
function newData(key: string): Readonly<Record<string, Record<string, string>>> {
  const [, id] = key.split('_')
  const sha256 = createHash('sha256').update(key).digest('hex')
  const operator = { name: 'operator', scopes: ['infer:*'], keys: [{ id, sha256 }] }
  return {
    'api-gateway-keys': { 'clients.yaml': stringify({ clients: [operator] }) },
    'api-gateway-operator-key': { key },
    'data-sync-token': { token: randomBytes(32).toString('base64url') },
  }
}
