import { createHash, randomBytes } from 'node:crypto'
import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Status } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef } from '../../kube/objects.ts'
import { secretData, secretValues } from '../../kube/secret.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { contentKey } from '../2-kubernetes/declarations.ts'
import { refuseForeignSecret, statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import { mark } from '../2-kubernetes/marks.ts'
import { applyObject } from '../2-kubernetes/object-step.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { grafanaSecret, monitoringNamespace, receiversSecret, secretsStepId } from './names.ts'
import { type ReceiverKey, receiverKeys } from './receivers.ts'

const stepName = 'secrets'
const ref = (name: string): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'Secret',
  name,
  namespace: monitoringNamespace,
})
export const grafanaRef = ref(grafanaSecret)
const receiversRef = ref(receiversSecret)

/**
 * Grafana's password, made once in each cluster, and the secrets of receivers, which come by the environment of whoever
 * runs mlp and stay in the cluster: a later run does not need them again.
 */
export function secretsStep(cloudName: CloudName): PlatformStep {
  return {
    id: secretsStepId(cloudName),
    cloud: cloudName,
    title: 'Grafana’s password and the secrets of receivers',
    needs: [`1.${cloudName}.apply-cluster`, `2.${cloudName}.namespaces`],
    inputs: context => ({ receivers: receiverKeys(context.config).map(({ key }) => key) }),
    status: context => statusInCluster(context, cloudName, client => statusOf(context, client)),
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const [password, receivers] = await read(context, client)
      if (password === undefined) {
        progress.report(describeRef(grafanaRef))
        await applySecret(context, client, grafanaRef, {
          'admin-user': 'admin',
          'admin-password': randomBytes(24).toString('base64url'),
        })
      }
      const wanted = receiverKeys(context.config)
      if (wanted.length > 0) {
        const values = wanted.map(key => [key.key, secretOf(key, receivers) ?? missing(key)] as const)
        progress.report(describeRef(receiversRef))
        await applySecret(context, client, receiversRef, Object.fromEntries(values))
      } else if (receivers !== undefined) {
        progress.report(`removing ${describeRef(receiversRef)}`)
        await client.delete(receiversRef, receivers.metadata.uid)
      }
      return {}
    },
    undo: (context, progress) =>
      undoInCluster(context, cloudName, client =>
        undoObjects(
          context,
          client,
          cloudName,
          { name: stepName, kinds: [{ apiVersion: 'v1', kind: 'Secret' }] },
          message => progress.report(message),
        ),
      ),
  }
}

async function statusOf(context: Context, client: KubeClient): Promise<Status> {
  const [password, receivers] = await read(context, client)
  if (password === undefined) return { state: 'absent', why: `missing: ${grafanaSecret}` }
  const wanted = receiverKeys(context.config)
  if (wanted.length === 0 && receivers !== undefined)
    return { state: 'drifted', why: `no longer wanted: ${receiversSecret}` }
  const [lacking] = wanted.filter(({ key }) => secretValues(receivers)[key] === undefined)
  if (lacking !== undefined) return { state: 'partial', why: `missing: the secret of ${lacking.key}` }
  const [changed] = wanted.filter(key => secretOf(key, receivers) !== secretValues(receivers)[key.key])
  if (changed !== undefined)
    return { state: 'drifted', why: `${changed.variable} is not what the cluster has for ${changed.key}` }
  return { state: 'present', outputs: {} }
}

async function read(
  context: Context,
  client: KubeClient,
): Promise<readonly [KubeObject | undefined, KubeObject | undefined]> {
  const [password, receivers] = await Promise.all([client.get(grafanaRef), client.get(receiversRef)])
  for (const secret of [password, receivers]) refuseForeignSecret(context, secret)
  return [password, receivers]
}

function secretOf({ key, variable }: ReceiverKey, receivers: KubeObject | undefined): string | undefined {
  return process.env[variable] || secretValues(receivers)[key]
}

function missing({ key, variable }: ReceiverKey): never {
  throw new MlpError({
    code: 'MLP4062',
    summary: `The secret of the receiver ${key} is not known`,
    detail: `mlp.yaml says that it is in ${variable}, which is not set; the cluster does not have it either.`,
    remedy: [`Set ${variable} and run the same command again. Later runs do not need it.`],
  })
}

async function applySecret(
  context: Context,
  client: KubeClient,
  { apiVersion, kind, name, namespace }: ObjectRef,
  values: Readonly<Record<string, string>>,
): Promise<void> {
  const data = secretData(values)
  const content = createHash('sha256').update(JSON.stringify(data)).digest('hex').slice(0, 16)
  const metadata = { name, namespace, annotations: { [contentKey]: content } }
  await applyObject(context, client, mark(context, stepName, { apiVersion, kind, metadata, data }), false)
}
