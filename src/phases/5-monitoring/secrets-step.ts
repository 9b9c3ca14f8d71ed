import { createHash, randomBytes } from 'node:crypto'
import type { CloudName } from '../../clouds/cloud.ts'
import type { Config } from '../../config/schema.ts'
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
import { fleetKeys, fleetSecretFacts } from './fleet.ts'
import { fleetSecret, grafanaSecret, monitoringNamespace, receiversSecret, secretsStepId } from './names.ts'
import { receiverKeys, type SecretKey } from './receivers.ts'

const stepName = 'secrets'
const ref = (name: string): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'Secret',
  name,
  namespace: monitoringNamespace,
})
export const grafanaRef = ref(grafanaSecret)

/** A Secret whose values come from whoever runs mlp; not there where none is wanted. */
interface GivenSecret {
  readonly ref: ObjectRef
  readonly keys: readonly SecretKey[]
  /** What stands beside them, and is no secret. */
  readonly facts: Readonly<Record<string, string>>
}

function givenSecrets(config: Config): readonly GivenSecret[] {
  return [
    { ref: ref(receiversSecret), keys: receiverKeys(config), facts: {} },
    { ref: ref(fleetSecret), keys: fleetKeys(config), facts: fleetSecretFacts(config) },
  ]
}

/**
 * Grafana's password, made once in each cluster, and the secrets of receivers and of the place that metrics are sent to,
 * which come by the environment of whoever runs mlp and stay in the cluster: a later run does not need them again.
 */
export function secretsStep(cloudName: CloudName): PlatformStep {
  return {
    id: secretsStepId(cloudName),
    cloud: cloudName,
    title: 'Grafana’s password and the secrets of receivers',
    needs: [`1.${cloudName}.apply-cluster`, `2.${cloudName}.namespaces`],
    inputs: ({ config }) => ({
      receivers: receiverKeys(config).map(({ key }) => key),
      ...(fleetKeys(config).length === 0 ? {} : { fleet: fleetSecretFacts(config) }),
    }),
    status: context => statusInCluster(context, cloudName, client => statusOf(context, client)),
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      if ((await read(context, client, grafanaRef)) === undefined) {
        progress.report(describeRef(grafanaRef))
        await applySecret(context, client, grafanaRef, {
          'admin-user': 'admin',
          'admin-password': randomBytes(24).toString('base64url'),
        })
      }
      for (const { ref: own, keys, facts } of givenSecrets(context.config)) {
        const found = await read(context, client, own)
        if (keys.length > 0) {
          const values = keys.map(key => [key.key, secretOf(key, found) ?? missing(key)] as const)
          progress.report(describeRef(own))
          await applySecret(context, client, own, { ...facts, ...Object.fromEntries(values) })
        } else if (found !== undefined) {
          progress.report(`removing ${describeRef(own)}`)
          await client.delete(own, found.metadata.uid)
        }
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
  const given = givenSecrets(context.config)
  const [password, ...found] = await Promise.all(
    [grafanaRef, ...given.map(each => each.ref)].map(each => read(context, client, each)),
  )
  if (password === undefined) return { state: 'absent', why: `missing: ${grafanaSecret}` }
  const standing = given.map((each, index) => standingOf(each, found[index]))
  return standing.find(status => status !== undefined) ?? { state: 'present', outputs: {} }
}

/** Undefined where it is as it should be. */
function standingOf(
  { ref: { name }, keys, facts }: GivenSecret,
  found: KubeObject | undefined,
): Status | undefined {
  if (keys.length === 0)
    return found === undefined ? undefined : { state: 'drifted', why: `no longer wanted: ${name}` }
  const values = secretValues(found)
  const lacking = keys.find(({ key }) => values[key] === undefined)
  if (lacking !== undefined) return { state: 'partial', why: `missing: the secret of ${lacking.of}` }
  const changed = keys.find(key => secretOf(key, found) !== values[key.key])
  if (changed !== undefined)
    return { state: 'drifted', why: `${changed.variable} is not what the cluster has for ${changed.of}` }
  const other = Object.entries(facts).find(([key, value]) => values[key] !== value)
  return other === undefined ? undefined : { state: 'drifted', why: `another ${other[0]} in ${name}` }
}

async function read(context: Context, client: KubeClient, own: ObjectRef): Promise<KubeObject | undefined> {
  const secret = await client.get(own)
  refuseForeignSecret(context, secret)
  return secret
}

function secretOf({ key, variable }: SecretKey, found: KubeObject | undefined): string | undefined {
  return process.env[variable] || secretValues(found)[key]
}

function missing({ of, variable }: SecretKey): never {
  throw new MlpError({
    code: 'MLP4062',
    summary: `The secret of ${of} is not known`,
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
