import type { CloudName } from '../../clouds/cloud.ts'
import type { JsonObject } from '../../engine/json.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { describeRef, type KubeObject, type ObjectRef } from '../../kube/objects.ts'
import { secretData, secretValues } from '../../kube/secret.ts'
import { requireCluster } from '../2-kubernetes/cluster.ts'
import { refuseForeignSecret, statusInCluster, undoInCluster } from '../2-kubernetes/in-cluster.ts'
import { mark } from '../2-kubernetes/marks.ts'
import { undoObjects } from '../2-kubernetes/undo.ts'
import type { Context, PlatformStep } from '../phase.ts'

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
    status: context =>
      // One that is not ours is refused when it is to be made.
      statusInCluster(context, spec.cloud, async client => {
        const values = await ownValues(context, client, ref)
        if (values === undefined) return { state: 'absent' }
        const problem = await spec.judge(context, values)
        return problem === undefined
          ? { state: 'present', outputs: { secret: describeRef(ref) } }
          : { state: 'drifted', why: problem }
      }),
    async apply(context, progress) {
      const client = await requireCluster(context, spec.cloud)
      const present = await ownValues(context, client, ref)
      progress.report(describeRef(ref))
      await client.apply(
        mark(context, spec.name, secretObject(spec, await spec.make(context, client, present))),
      )
      return { secret: describeRef(ref) }
    },
    undo: (context, progress) =>
      undoInCluster(context, spec.cloud, client =>
        undoObjects(
          context,
          client,
          spec.cloud,
          { name: spec.name, kinds: [{ apiVersion: 'v1', kind: 'Secret' }] },
          message => progress.report(message),
        ),
      ),
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
    data: secretData(values),
  }
}

/** Undefined when it is not there; MLP4016 when it is somebody else's, of which nothing is read. */
async function ownValues(
  context: Context,
  client: KubeClient,
  ref: ObjectRef,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await client.get(ref)
  refuseForeignSecret(context, found)
  return found === undefined ? undefined : secretValues(found)
}
