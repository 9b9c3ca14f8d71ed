import { join } from 'node:path'
import type { ContainerSpec } from './containers.ts'
import { containerEnvironment, expand, quantityOf } from './environment.ts'
import { type PulledImage, userOf } from './images.ts'
import { systemPath } from './network/private-network.ts'
import { type Container, ContainerProblem, type Pod } from './pod.ts'
import type { PodContext } from './pod-context.ts'
import { mountsOf } from './volumes.ts'

/** What is started for a container: the image's own configuration under what its pod says. */
export async function containerSpec(
  context: PodContext,
  container: Container,
  image: PulledImage,
  place: Pick<ContainerSpec, 'folder' | 'logFile'>,
): Promise<ContainerSpec> {
  const pod = context.pod()
  const { config } = image
  const given = await containerEnvironment(pod, container, context.facts, context.objects)
  const fromImage = Object.fromEntries((config.Env ?? []).map(pair => pair.split(/=(.*)/s).slice(0, 2)))
  const hostname = pod.spec.hostname ?? pod.metadata.name
  const env = { PATH: systemPath, HOSTNAME: hostname, ...context.serviceEnvironment, ...fromImage, ...given }
  const expanded = (words: readonly string[]) =>
    words.map(word => expand(word, { ...context.serviceEnvironment, ...given }))
  const hasCommand = container.command.length > 0
  // A command replaces the image's entry point and its arguments, args only these.
  const command = [
    ...(hasCommand ? expanded(container.command) : (config.Entrypoint ?? [])),
    ...(container.args.length > 0 ? expanded(container.args) : hasCommand ? [] : (config.Cmd ?? [])),
  ]
  if (command.length === 0) throw new ContainerProblem('CreateContainerError', 'no command specified')
  const limit = container.resources.limits['memory']
  const readOnlyRoot = container.securityContext?.readOnlyRootFilesystem === true
  return {
    ...place,
    hostname,
    pod: pod.metadata.uid,
    root: readOnlyRoot ? image.root : join(place.folder, 'root'),
    readOnlyRoot,
    mounts: [...context.commonMounts, ...mountsOf(pod, container, join(context.folder, 'volumes'))].toSorted(
      (a, b) => depth(a.target) - depth(b.target),
    ),
    env,
    command,
    memory: limit === undefined ? undefined : quantityOf(limit),
    workingDirectory: container.workingDir ?? (config.WorkingDir || '/'),
    ...(await identityOf(pod, container, image)),
  }
}

/** What is mounted inside of another mount comes after it. */
function depth(target: string): number {
  return target.split('/').filter(part => part !== '').length
}

async function identityOf(
  pod: Pod,
  container: Container,
  image: PulledImage,
): Promise<{ readonly uid: number; readonly gid: number }> {
  const [ofPod, ofContainer] = [pod.spec.securityContext, container.securityContext]
  const runAsUser = ofContainer?.runAsUser ?? ofPod?.runAsUser
  const runAsNonRoot = ofContainer?.runAsNonRoot ?? ofPod?.runAsNonRoot
  const own = await userOf(image)
  const uid = runAsUser ?? own.uid
  const refuse = (message: string) => new ContainerProblem('CreateContainerConfigError', message)
  if (runAsNonRoot === true && uid === 0)
    throw refuse('container has runAsNonRoot and image will run as root')
  if (runAsNonRoot === true && runAsUser === undefined && own.named)
    throw refuse(
      `container has runAsNonRoot and image has non-numeric user (${image.config.User}), cannot verify user is non-root`,
    )
  return { uid, gid: ofContainer?.runAsGroup ?? ofPod?.runAsGroup ?? own.gid }
}
