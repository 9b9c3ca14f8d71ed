import { chmod, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Mount } from './containers.ts'
import { fieldValue, type PodFacts, resourceValue } from './environment.ts'
import type { ObjectReader } from './object-reader.ts'
import type { Container, Pod, Volume } from './pod.ts'

/** A volume that cannot be made yet; the kubelet's FailedMount. */
export class VolumeProblem extends Error {}

/** Earlier than its end by a fifth, as the kubelet renews tokens. */
const renewAfter = 0.8

/**
 * Makes a pod's volumes below `folder`, or brings them up to date. Returns when the first of its tokens has to be
 * renewed, in epoch milliseconds. Throws VolumeProblem for what is missing and not optional.
 */
export async function writeVolumes(
  pod: Pod,
  folder: string,
  facts: PodFacts,
  objects: ObjectReader,
): Promise<number> {
  let renewAt = Number.POSITIVE_INFINITY
  for (const volume of pod.spec.volumes) {
    const path = join(folder, volume.name)
    const claim = volume.persistentVolumeClaim?.claimName
    if (claim !== undefined) await linkVolume(pod, volume.name, claim, path, objects)
    else if (volume.hostPath !== undefined)
      await linkFolder(join(facts.nodeFolder, volume.hostPath.path), path)
    else await mkdir(path, { recursive: true, mode: 0o777 })
    if (volume.emptyDir !== undefined) await chmod(path, 0o777)
    if (isWritable(volume)) await makeSubPaths(pod, volume, path)
    // What the pod keeps there is its own.
    if (claim !== undefined || volume.emptyDir !== undefined || volume.hostPath !== undefined) continue
    const written = await contents(pod, volume, facts, objects)
    renewAt = Math.min(renewAt, written.renewAt)
    for (const [name, content] of written.files) await writeWhole(join(path, name), content)
    await removeOthers(path, new Set(written.files.keys()))
  }
  return renewAt
}

/** A claim's volume outlives the pod: its folder is elsewhere, and what is removed with the pod is this link. */
async function linkVolume(
  pod: Pod,
  name: string,
  claim: string,
  path: string,
  objects: ObjectReader,
): Promise<void> {
  const target = await objects.volume(pod.metadata.namespace, claim)
  if (target === undefined)
    throw new VolumeProblem(
      `MountVolume.SetUp failed for volume "${name}" : claim "${claim}" has no volume of this sandbox`,
    )
  await linkFolder(target, path)
}

/** What is removed with the pod is the link. */
async function linkFolder(target: string, path: string): Promise<void> {
  await mkdir(target, { recursive: true, mode: 0o777 })
  await mkdir(dirname(path), { recursive: true, mode: 0o777 })
  await symlink(target, path).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  })
}

/** As the kubelet does where a part is mounted that the volume does not have yet. */
async function makeSubPaths(pod: Pod, volume: Volume, path: string): Promise<void> {
  for (const { volumeMounts } of [...pod.spec.initContainers, ...pod.spec.containers])
    for (const { name, subPath } of volumeMounts)
      if (name === volume.name && subPath !== '') await mkdir(join(path, subPath), { recursive: true })
}

/** What its object does not hold any more goes from the volume too. */
async function removeOthers(path: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && !wanted.has(relative(path, file))) await rm(file, { force: true })
  }
}

function isWritable(volume: Volume | undefined): boolean {
  return (
    volume?.emptyDir !== undefined ||
    volume?.hostPath !== undefined ||
    (volume?.persistentVolumeClaim !== undefined && !volume.persistentVolumeClaim.readOnly)
  )
}

interface Contents {
  readonly files: ReadonlyMap<string, Buffer>
  readonly renewAt: number
}

async function contents(pod: Pod, volume: Volume, facts: PodFacts, objects: ObjectReader): Promise<Contents> {
  const { namespace } = pod.metadata
  const files = new Map<string, Buffer>()
  let renewAt = Number.POSITIVE_INFINITY
  const add = async (
    kind: 'ConfigMap' | 'Secret',
    name: string,
    source: { optional: boolean; items?: readonly { key: string; path: string }[] | undefined },
  ) => {
    const data = await objects.data(kind, namespace, name)
    if (data === undefined && !source.optional)
      throw new VolumeProblem(
        `MountVolume.SetUp failed for volume "${volume.name}" : ${kind.toLowerCase()} "${name}" not found`,
      )
    const wanted =
      source.items ?? [...(data ?? new Map<string, Buffer>()).keys()].map(key => ({ key, path: key }))
    for (const { key, path } of wanted) {
      const content = data?.get(key)
      if (content !== undefined) files.set(path, content)
      else if (!source.optional)
        throw new VolumeProblem(
          `MountVolume.SetUp failed for volume "${volume.name}" : references non-existent ${kind.toLowerCase()} key: ${key}`,
        )
    }
  }
  const addDownward = (items: NonNullable<Volume['downwardAPI']>['items']) => {
    for (const { path, fieldRef, resourceFieldRef } of items) {
      if (fieldRef !== undefined) files.set(path, Buffer.from(fieldValue(pod, fieldRef.fieldPath, facts)))
      if (resourceFieldRef !== undefined)
        files.set(path, Buffer.from(resourceValue(pod, undefined, resourceFieldRef)))
    }
  }
  if (volume.configMap !== undefined) await add('ConfigMap', volume.configMap.name, volume.configMap)
  if (volume.secret !== undefined) await add('Secret', volume.secret.secretName, volume.secret)
  if (volume.downwardAPI !== undefined) addDownward(volume.downwardAPI.items)
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap !== undefined) await add('ConfigMap', source.configMap.name, source.configMap)
    if (source.secret !== undefined) await add('Secret', source.secret.name, source.secret)
    if (source.downwardAPI !== undefined) addDownward(source.downwardAPI.items)
    if (source.serviceAccountToken !== undefined) {
      const { audience, expirationSeconds, path } = source.serviceAccountToken
      const { token, expiresAt } = await objects.token({
        namespace,
        serviceAccount: pod.spec.serviceAccountName,
        audience,
        expirationSeconds,
        pod: pod.metadata,
      })
      files.set(path, Buffer.from(token))
      const now = Date.now()
      renewAt = Math.min(renewAt, now + (expiresAt - now) * renewAfter)
    }
  }
  return { files, renewAt }
}

/** A container that reads meanwhile sees the old content or the new one. */
async function writeWhole(file: string, content: Buffer): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, content, { mode: 0o644 })
  await rename(`${file}.new`, file)
}

/** Where a container sees the pod's volumes; only emptyDir, claims and the node's folders can be written to. */
export function mountsOf(pod: Pod, container: Container, folder: string): readonly Mount[] {
  return container.volumeMounts.map(({ name, mountPath, readOnly, subPath }) => {
    const volume = pod.spec.volumes.find(candidate => candidate.name === name)
    return {
      source: join(folder, name, subPath),
      target: mountPath,
      readOnly: readOnly || !isWritable(volume),
    }
  })
}
