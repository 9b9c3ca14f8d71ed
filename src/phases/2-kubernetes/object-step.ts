import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { PlannedAction, Status, StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { compareWithLive, type ObjectState } from '../../kube/drift.ts'
import { describeRef, type KubeObject, refOf } from '../../kube/objects.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { openCluster, requireCluster } from './cluster.ts'
import type { Declaration } from './declarations.ts'
import { readLive, surplusObjects } from './live.ts'
import { asAdopted, isAdopted, mark, ownerOf } from './marks.ts'
import { undoObjects } from './undo.ts'

const deletionTimeoutMs = 180_000

/** One step that makes a list of objects stand as declared. */
export function objectStep(cloudName: CloudName, declaration: Declaration): PlatformStep {
  const id: StepId = `${declaration.phase}.${cloudName}.${declaration.name}`

  async function declared(context: Context): Promise<readonly KubeObject[] | undefined> {
    const objects = await declaration.objects(context, cloudName)
    return objects?.map(object => mark(context, declaration.name, object))
  }

  const adjust = async (client: KubeClient, objects: readonly KubeObject[]) =>
    (await declaration.adjust?.(client, objects)) ?? objects

  const ask = async (
    context: Context,
    client: KubeClient,
    objects: readonly KubeObject[],
  ): Promise<{ readonly status: Status; readonly surplus: readonly KubeObject[] }> => {
    try {
      const { live, surplus } = await readLive(context, client, declaration, objects)
      return { status: await statusOf(client, objects, live), surplus }
    } catch (error) {
      if (error instanceof MlpError) return { status: { state: 'unknown', why: error.message }, surplus: [] }
      throw error
    }
  }

  return {
    id,
    cloud: cloudName,
    title: declaration.title,
    needs: [`1.${cloudName}.apply-cluster`, ...declaration.needs(cloudName)],
    inputs: context => declaration.inputs(context, cloudName),
    async status(context) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { state: 'absent', why: 'there is no cluster' }
      const objects = await declared(context)
      if (objects === undefined)
        return { state: 'unknown', why: 'what earlier steps made is not known in this run' }
      const client = openCluster(context, cloud, access)
      const adjusted = await adjust(client, objects)
      const { status, surplus } = await ask(context, client, adjusted)
      if (status.state !== 'present') return status
      const unfinished = await declaration.unfinished?.(client, adjusted)
      if (unfinished !== undefined) return { state: 'partial', why: unfinished }
      return surplus.length === 0
        ? status
        : { state: 'drifted', why: `no longer wanted: ${namesOf(surplus)}` }
    },
    async plan(context) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      const objects = await declared(context)
      if (objects === undefined) return [action(id, cloudName, declaration.title, 'create', 'not there yet')]
      if (access === undefined) {
        return objects.map(object =>
          action(id, cloudName, describeRef(refOf(object)), 'create', 'not there yet'),
        )
      }
      const client = openCluster(context, cloud, access)
      const adjusted = await adjust(client, objects)
      const read = await readLive(context, client, declaration, adjusted)
      const actions = await Promise.all(
        adjusted.map(async object => {
          const live = read.live(object)
          const compared = await compareWithLive(client, withAdoption(object, live), live)
          const subject = describeRef(refOf(object))
          if (compared.state === 'absent') return action(id, cloudName, subject, 'create', 'not there yet')
          return compared.state === 'drifted'
            ? action(id, cloudName, subject, 'change', compared.why)
            : undefined
        }),
      )
      return [
        ...actions.filter(planned => planned !== undefined),
        ...read.surplus.map(object =>
          action(id, cloudName, describeRef(refOf(object)), 'destroy', 'no longer wanted'),
        ),
      ]
    },
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const wanted = await declared(context)
      if (wanted === undefined) throw outputsMissing(cloudName, declaration.phase)
      const objects = await adjust(client, wanted)
      for (const object of objects) {
        progress.report(describeRef(refOf(object)))
        await applyObject(context, client, object, declaration.replaceable)
      }
      for (const object of await surplusObjects(context, client, declaration, objects)) {
        progress.report(`removing ${describeRef(refOf(object))}`)
        await client.delete(refOf(object), object.metadata.uid)
      }
      await declaration.finish?.(context, client, objects, message => progress.report(message))
      return outputsOf(objects)
    },
    async undo(context, progress) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { removed: [], kept: [], left: [] }
      const client = openCluster(context, cloud, access)
      return undoObjects(context, client, cloudName, declaration, message => progress.report(message))
    },
  }
}

async function statusOf(
  client: KubeClient,
  objects: readonly KubeObject[],
  liveOf: (object: KubeObject) => KubeObject | undefined,
): Promise<Status> {
  const states = await Promise.all(
    objects.map(async (object): Promise<ObjectState> => {
      const live = liveOf(object)
      return live === undefined
        ? { state: 'absent' }
        : await compareWithLive(client, withAdoption(object, live), live)
    }),
  )
  const absent = objects.filter((_, index) => states[index]?.state === 'absent')
  const drifted = states.flatMap(state => (state.state === 'drifted' ? [state.why] : []))
  if (objects.length > 0 && absent.length === objects.length) return { state: 'absent' }
  if (absent.length > 0) return { state: 'partial', why: `missing: ${namesOf(absent)}` }
  if (drifted.length > 0) return { state: 'drifted', why: drifted.join('\n') }
  return { state: 'present', outputs: outputsOf(objects) }
}

/** What was adopted stays marked so, whatever else is applied. */
function withAdoption(object: KubeObject, live: KubeObject | undefined): KubeObject {
  return live !== undefined && isAdopted(live) ? asAdopted(object) : object
}

/** Makes one object stand as wanted; what somebody else made is taken over only with consent. */
export async function applyObject(
  context: Context,
  client: KubeClient,
  object: KubeObject,
  replaceable: boolean,
): Promise<void> {
  const ref = refOf(object)
  let live = await client.get(ref)
  if (live?.metadata.deletionTimestamp !== undefined) {
    live = await client.waitFor(ref, {
      what: `the end of ${describeRef(ref)}`,
      timeoutMs: deletionTimeoutMs,
      done: seen => seen === undefined,
    })
  }
  const wanted =
    live !== undefined && ownerOf(context, live) !== 'ours'
      ? await adopt(context, object, live)
      : withAdoption(object, live)
  try {
    await client.apply(wanted)
  } catch (error) {
    const immutable = error instanceof MlpError && error.code === 'MLP4006'
    if (!immutable || !replaceable || live === undefined || isAdopted(live)) throw error
    await client.delete(ref, live.metadata.uid)
    await client.apply(wanted)
  }
}

/** What somebody else made is taken over only when the operator agrees, and then never deleted. */
async function adopt(context: Context, object: KubeObject, live: KubeObject): Promise<KubeObject> {
  const subject = describeRef(refOf(object))
  const owner = ownerOf(context, live)
  const agreed =
    owner === 'nobody' &&
    (await context.consent.approve({
      id: 'adopt-object',
      message: `${subject} is there already and was not made by mlp. Take it over?`,
      details: ['mlp sets its own labels and fields on it; teardown leaves it.'],
      safe: false,
      flag: '--adopt',
    }))
  if (agreed) return asAdopted(object)
  throw new MlpError({
    code: 'MLP4013',
    summary: `${subject} is there already and ${owner === 'other' ? 'belongs to another platform' : 'was not made by mlp'}`,
    detail: 'It was left as it is.',
    remedy: [
      owner === 'other'
        ? 'Use another cluster, or tear the other platform down first.'
        : 'Run the same command with --adopt to take it over, or remove it.',
    ],
  })
}

function namesOf(objects: readonly KubeObject[]): string {
  return objects.map(object => describeRef(refOf(object))).join(', ')
}

function outputsOf(objects: readonly KubeObject[]) {
  return { objects: objects.map(object => describeRef(refOf(object))) }
}

function action(
  step: StepId,
  cloud: CloudName,
  subject: string,
  what: PlannedAction['action'],
  why: string,
): PlannedAction {
  return { step, cloud, subject, action: what, why, destroysData: false, seconds: 1, monthlyCost: null }
}

function outputsMissing(cloud: CloudName, phase: number): MlpError {
  return new MlpError({
    code: 'MLP4014',
    summary: `What earlier steps made on ${cloud} is not known`,
    detail: 'They neither ran nor were found done in this run.',
    remedy: [`mlp bootstrap --to ${phase} --cloud ${cloud}`],
  })
}
