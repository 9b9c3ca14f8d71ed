import { join } from 'node:path'
import * as z from 'zod'
import type { CloudName } from '../../clouds/cloud.ts'
import { MlpError } from '../../engine/errors.ts'
import type { Leftover } from '../../engine/events.ts'
import type { StepId } from '../../engine/step.ts'
import type { KubeClient } from '../../kube/client.ts'
import { type Crane, withCrane } from '../../tools/crane.ts'
import { buildImage } from '../../tools/images/build.ts'
import { findImage, pushImage } from '../../tools/images/push.ts'
import { type ImageName, imageNames, type Platform, versionOf } from '../../tools/images/service-images.ts'
import { sourcesHash } from '../../tools/images/sources.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster, requireCluster } from '../2-kubernetes/cluster.ts'
import { type Digests, readLockFile, wantedImages } from '../lock-file.ts'
import type { Context, PlatformStep } from '../phase.ts'

const outputsSchema = z.object({ images: z.record(z.enum(imageNames), z.string()) })

export function imagesStepId(cloud: CloudName): StepId {
  return `3.${cloud}.images`
}

/** `<host>/<repository>@sha256:…` of each service, as the images step of this cloud found or pushed them. */
export function pushedImages(context: Pick<Context, 'outputs'>, cloud: CloudName) {
  const parsed = outputsSchema.safeParse(context.outputs(imagesStepId(cloud)))
  return parsed.success ? parsed.data.images : undefined
}

/** `<repository>@sha256:…` by service, as digests alone. */
export function digestsOf(images: Readonly<Record<string, string>>): Digests {
  return Object.fromEntries(
    Object.entries(images).map(([name, image]) => [name, image.slice(image.indexOf('@') + 1)]),
  )
}

/** Build the three images, once for all clouds, and have this cloud's registry hold them. */
export function imagesStep(cloudName: CloudName): PlatformStep {
  const id = imagesStepId(cloudName)
  return {
    id,
    cloud: cloudName,
    title: 'Images in the registry',
    needs: [`1.${cloudName}.apply-foundation`, `1.${cloudName}.apply-cluster`],
    // The registry is asked for the very sources that are here.
    inputs: () => null,
    async status(context) {
      const cloud = cloudOf(context, cloudName)
      const access = await cloud.cluster(context.signal)
      if (access === undefined) return { state: 'absent', why: 'there is no cluster' }
      try {
        const client = openCluster(context, cloud, access)
        const found = await findImages(context, cloudName, client)
        const missing = imageNames.filter(name => found[name] === undefined)
        return missing.length === 0
          ? { state: 'present', outputs: { images: { ...found } } }
          : { state: 'absent', why: `not in the registry: ${missing.join(', ')}` }
      } catch (error) {
        if (error instanceof MlpError) return { state: 'unknown', why: error.message }
        throw error
      }
    },
    async apply(context, progress) {
      const client = await requireCluster(context, cloudName)
      const platform = await platformOf(client)
      const crane = await context.toolchain.path('crane', context.signal)
      // On a machine that never built them, those of unchanged sources need not be built to be known.
      const there = await findImages(context, cloudName, client, id)
      // One line for three: what was said last, by one that is still at work.
      const doing = new Map<ImageName, string>()
      const tell = (name: ImageName, message: string | undefined) => {
        doing.delete(name)
        if (message !== undefined) doing.set(name, message)
        const last = [...doing.values()].at(-1)
        if (last !== undefined) progress.report(last)
      }
      // Side by side: one is built while another is pushed. The other clouds' lanes find what the first one built.
      const ends = await Promise.allSettled(
        imageNames.map(async name => {
          const found = there[name]
          if (found !== undefined) return [name, found] as const
          const image = await buildImage(context, name, {
            packageRoot: packageRoot(context),
            platform,
            crane,
            report: message => tell(name, message),
          })
          const repository = cloudOf(context, cloudName).repository(name)
          tell(name, `${name}: pushing ${image.digest.slice(0, 19)} to ${repository}`)
          const digest = await signedIn(context, cloudName, one => pushImage(one, repository, image), id)
          tell(name, undefined)
          return [name, `${repository}@${digest}`] as const
        }),
      )
      // Whatever failed, the others were let finish: what they pushed is found by the next run.
      const failed = ends.find(end => end.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      return {
        images: Object.fromEntries(ends.flatMap(end => (end.status === 'fulfilled' ? [end.value] : []))),
      }
    },
    async undo(context) {
      const cloud = cloudOf(context, cloudName)
      if (context.consent.destroyData || (await cloud.cluster(context.signal)) === undefined) {
        // They go with the registry, in phase 1.
        return { removed: [], kept: [], left: [] }
      }
      const kept = imageNames.map((name): Leftover => {
        const repository = cloud.repository(name)
        return { cloud: cloudName, type: 'image', id: repository, name, reason: 'kept with its registry' }
      })
      return { removed: [], kept, left: [] }
    },
  }
}

/**
 * What is wanted in this cloud, by digest, as far as its registry has it: of the sources that are here, or, when going
 * back, what mlp.lock names. Builds nothing.
 */
export async function findImages(
  context: Context,
  cloudName: CloudName,
  client: KubeClient,
  step?: StepId,
): Promise<Readonly<Partial<Record<ImageName, string>>>> {
  const locked = context.consent.rollback === true ? await lockedImages(context, cloudName) : undefined
  return locked ?? (await findOwnImages(context, cloudName, client, step))
}

async function lockedImages(
  context: Context,
  cloudName: CloudName,
): Promise<Readonly<Partial<Record<ImageName, string>>> | undefined> {
  const { config, platformFolder } = context
  const digests = wantedImages(await readLockFile(platformFolder), config.environment, cloudName)
  if (digests === undefined) return undefined
  const cloud = cloudOf(context, cloudName)
  return Object.fromEntries(
    imageNames.flatMap(name =>
      digests[name] === undefined ? [] : [[name, `${cloud.repository(name)}@${digests[name]}`] as const],
    ),
  )
}

async function findOwnImages(
  context: Context,
  cloudName: CloudName,
  client: KubeClient,
  step?: StepId,
): Promise<Readonly<Partial<Record<ImageName, string>>>> {
  const platform = await platformOf(client)
  const cloud = cloudOf(context, cloudName)
  const find = async (crane: Crane) => {
    const found = await Promise.all(
      imageNames.map(async name => {
        const wanted = {
          version: await versionOf(packageRoot(context), name),
          sources: await sourcesHash(packageRoot(context), name, platform),
        }
        const repository = cloud.repository(name)
        const digest = await findImage(crane, repository, wanted)
        return digest === undefined ? [] : [[name, `${repository}@${digest}`] as const]
      }),
    )
    return Object.fromEntries(found.flat())
  }
  return signedIn(context, cloudName, find, step)
}

async function signedIn<T>(
  context: Context,
  cloudName: CloudName,
  work: (crane: Crane) => Promise<T>,
  step?: StepId,
): Promise<T> {
  const [binary, login] = await Promise.all([
    context.toolchain.path('crane', context.signal),
    cloudOf(context, cloudName).registry(context.signal),
  ])
  const environment = {
    ...context.target.environment,
    ...context.target.clouds[cloudName]?.environment,
  }
  return withCrane(
    context,
    { binary, environment, login, cloud: cloudName, ...(step === undefined ? {} : { step }) },
    work,
  )
}

/** mlp's own package holds the services. */
function packageRoot(context: Pick<Context, 'templates'>): string {
  return join(context.templates, '..')
}

const nodeSchema = z.looseObject({
  status: z.looseObject({ nodeInfo: z.looseObject({ architecture: z.string() }) }),
})

/** What the cluster's nodes are; a cluster whose nodes are still to come is of the common kind. */
async function platformOf(client: KubeClient): Promise<Platform> {
  const [node] = await client.list({ apiVersion: 'v1', kind: 'Node' })
  const parsed = nodeSchema.safeParse(node)
  return parsed.success && parsed.data.status.nodeInfo.architecture === 'arm64'
    ? 'linux/arm64'
    : 'linux/amd64'
}
