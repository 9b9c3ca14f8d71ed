import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { Status, StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef, refOf } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster, requireCluster } from '../2-kubernetes/cluster.ts'
import { mark, ownerOf } from '../2-kubernetes/marks.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { secretValues } from './secret-values.ts'

export interface SecretSpec {
  readonly cloud: CloudName
  /** kebab-case; the step's id is `4.<cloud>.<name>`. */
  readonly name: string
  readonly title: string
  readonly needs: readonly StepId[]
  readonly secret: { readonly name: string; readonly namespace: string; readonly type?: string }
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  inputs(context: Context): JsonObject
  /** What is wrong with what is there; undefined when it will do. Values are never part of the answer. */
  judge(context: Context, values: Readonly<Record<string, string>>): Promise<string | undefined>
  /** New values; `present` is what is there now, where it is ours. */
  make(
    context: Context,
    client: KubeClient,
    present: Readonly<Record<string, string>> | undefined,
  ): Promise<Readonly<Record<string, string>>>
}

/** A Secret whose values are made by mlp and live only in the cluster: not in its state, not on this machine. */
export function secretStep(spec: SecretSpec): PlatformStep {
  const ref: ObjectRef = { apiVersion: 'v1', kind: 'Secret', ...nameOf(spec) }
  return {
    id: `4.${spec.cloud}.${spec.name}`,
    cloud: spec.cloud,
    title: spec.title,
    needs: [`1.${spec.cloud}.apply-cluster`, `2.${spec.cloud}.namespaces`, ...spec.needs],
    inputs: context => spec.inputs(context),
    async status(context): Promise<Status> {
      const cloud = cloudOf(context, spec.cloud)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { state: 'absent', why: 'there is no cluster' }
      try {
        const values = await ownValues(context, openCluster(context, cloud, access), ref)
        if (values === undefined) return { state: 'absent' }
        const problem = await spec.judge(context, values)
        return problem === undefined
          ? { state: 'present', outputs: { secret: describeRef(ref) } }
          : { state: 'drifted', why: problem }
      } catch (error) {
        // One that is not ours is refused when it is to be made.
        if (error instanceof MlpError) return { state: 'unknown', why: error.message }
        throw error
      }
    },
    async apply(context, progress) {
      const client = await requireCluster(context, spec.cloud)
      const present = await ownValues(context, client, ref)
      progress.report(describeRef(ref))
      await client.apply(
        mark(context, spec.name, secretObject(spec, await spec.make(context, client, present))),
      )
      return { secret: describeRef(ref) }
    },
    async undo(context, progress) {
      const cloud = cloudOf(context, spec.cloud)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { removed: [], kept: [], left: [] }
      const kinds = [{ apiVersion: 'v1', kind: 'Secret' }]
      return undoObjects(
        context,
        openCluster(context, cloud, access),
        spec.cloud,
        { name: spec.name, kinds },
        message => progress.report(message),
      )
    },
  }
}

function nameOf({ secret }: SecretSpec) {
  return { name: secret.name, namespace: secret.namespace }
}

function secretObject(spec: SecretSpec, values: Readonly<Record<string, string>>): KubeObject {
  const { labels, annotations, secret } = spec
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...nameOf(spec),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    type: secret.type ?? 'Opaque',
    data: Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    ),
  }
}

/** Undefined when it is not there; MLP4016 when it is somebody else's, of which nothing is read. */
async function ownValues(
  context: Context,
  client: KubeClient,
  ref: ObjectRef,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await client.get(ref)
  if (found === undefined) return undefined
  if (ownerOf(context, found) === 'ours') return secretValues(found)
  throw new MlpError({
    code: 'MLP4016',
    summary: `${describeRef(refOf(found))} is there already and is not this platform’s`,
    detail: 'It was left as it is, and nothing of it was read.',
    remedy: ['Remove it, or use another cluster; then run the same command again.'],
  })
}
