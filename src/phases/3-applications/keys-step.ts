import { createHash, randomBytes } from 'node:crypto'
import { stringify } from 'yaml'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster, requireCluster } from '../2-kubernetes/cluster.ts'
import { mark, ownerOf } from '../2-kubernetes/marks.ts'
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
    async status(context) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { state: 'absent', why: 'there is no cluster' }
      try {
        const missing = await missingSecrets(context, openCluster(context, cloud, access))
        if (missing.length === 0) return { state: 'present', outputs: {} }
        const names = missing.map(secret => secret.metadata.name).join(', ')
        return { state: 'absent', why: `missing: ${names}` }
      } catch (error) {
        if (error instanceof MlpError) return { state: 'unknown', why: error.message }
        throw error
      }
    },
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const missing = await missingSecrets(context, client)
      if (missing.length === 0) return {}
      const data = await newData(client)
      for (const secret of missing) {
        progress.report(describeRef(refOf(secret)))
        await client.apply(
          mark(context, keysName, { ...secret, data: encoded(data[secret.metadata.name] ?? {}) }),
        )
      }
      return {}
    },
    async undo(context, progress) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { removed: [], kept: [], left: [] }
      const client = openCluster(context, cloud, access)
      return undoObjects(context, client, cloudName, { name: keysName, kinds }, message =>
        progress.report(message),
      )
    },
  }
}

/** Those of another platform, or of nobody, are in the way; nothing of them is read. */
async function missingSecrets(context: Context, client: KubeClient): Promise<readonly KubeObject[]> {
  const wanted = await loadTemplate(context, file)
  const found = await Promise.all(wanted.map(secret => client.get(refOf(secret))))
  for (const secret of found) {
    if (secret === undefined || ownerOf(context, secret) === 'ours') continue
    throw new MlpError({
      code: 'MLP4016',
      summary: `${describeRef(refOf(secret))} is there already and is not this platform’s`,
      detail: 'It was left as it is, and nothing of it was read.',
      remedy: ['Remove it, or use another cluster; then run the same command again.'],
    })
  }
  return wanted.filter((_, index) => found[index] === undefined)
}

const dataSchema = z.looseObject({ data: z.record(z.string(), z.string()) })

/** A value of a Secret, decoded. */
export function secretValue(secret: KubeObject | undefined, key: string): string | undefined {
  const value = dataSchema.safeParse(secret).data?.data[key]
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString()
}

/** The gateway's hash belongs to the operator's key, so that an existing key is kept. */
async function newData(client: KubeClient): Promise<Readonly<Record<string, Record<string, string>>>> {
  const existing = secretValue(await client.get(operatorKeyRef), 'key')
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

function encoded(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  )
}
