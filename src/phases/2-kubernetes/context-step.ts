import { join } from 'node:path'
import type { CloudName, ClusterAccess } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import type { StepId } from '../../engine/step.ts'
import {
  contextState,
  fileMode,
  type KubeContext,
  mergeIntoKubeconfig,
  platformVariable,
  readKubeconfig,
  removeContexts,
  removeFromKubeconfig,
  setContexts,
  userKubeconfigPath,
  writeKubeconfig,
} from '../../kube/kubeconfig.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { requireAccess } from './cluster.ts'

/** Where the sandbox or the caches were put by the environment; kubectl may run without it. */
const carriedVariables = ['MLP_SANDBOX_HOME', 'MLP_CACHE']

/** mlp's own kubeconfig. */
export function kubeconfigFile(context: Pick<Context, 'home'>): string {
  return join(context.home, 'kubeconfig')
}

/** The kubeconfig entry of one cloud's cluster; its tokens come from `mlp token`. */
export function kubeContext(context: Context, cloud: CloudName, access: ClusterAccess): KubeContext {
  const { config, configFile, target, platformFolder, mlpPath } = context
  const carried = carriedVariables.flatMap(name => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    name: contextName(cloud, config),
    server: access.endpoint,
    certificateAuthorityPem: access.certificateAuthorityPem,
    exec: {
      command: process.execPath,
      args: [
        ...[mlpPath, 'token', cloud, access.name, '--env', config.environment, '--target', target.name],
        ...(configFile === undefined ? [] : ['--config', configFile]),
      ],
      env: { [platformVariable]: platformFolder, ...Object.fromEntries(carried) },
    },
  }
}

/** Adds this platform's contexts to the user's own kubeconfig, when asked to; teardown takes them out again. */
export async function mergeContextsForUser(context: Context): Promise<{ file: string; changed: boolean }> {
  const file = userKubeconfigPath(process.env)
  const contexts = await Promise.all(
    [...context.clouds.keys()].map(async name =>
      kubeContext(context, name, await requireAccess(context, name)),
    ),
  )
  return { file, changed: await mergeIntoKubeconfig(file, contexts) }
}

/** `aws-dev` in mlp's own kubeconfig. */
export function contextStep(cloudName: CloudName): PlatformStep {
  return {
    id: `2.${cloudName}.context` satisfies StepId,
    cloud: cloudName,
    title: 'kubectl context',
    needs: [`1.${cloudName}.apply-cluster`],
    // The clouds' contexts share one file.
    limits: ['kubeconfig'],
    inputs: context => ({ environment: context.config.environment, target: context.target.name }),
    async status(context) {
      const access = await cloudOf(context, cloudName).cluster(context.signal)
      if (access === undefined) return { state: 'absent', why: 'there is no cluster' }
      const file = kubeconfigFile(context)
      const wanted = kubeContext(context, cloudName, access)
      const state = contextState(await readKubeconfig(file), wanted, file)
      if (state === 'absent') return { state: 'absent' }
      if (state === 'other') {
        return { state: 'drifted', why: `${wanted.name} in ${file} is not as the cloud tells it now` }
      }
      const mode = await fileMode(file)
      if (mode !== 0o600) return { state: 'drifted', why: `${file} has mode ${mode?.toString(8)}, not 600` }
      return { state: 'present', outputs: { context: wanted.name, kubeconfig: file } }
    },
    async apply(context) {
      const file = kubeconfigFile(context)
      const wanted = kubeContext(context, cloudName, await requireAccess(context, cloudName))
      await writeKubeconfig(file, setContexts(await readKubeconfig(file), [wanted], file))
      return { context: wanted.name, kubeconfig: file }
    },
    async undo(context) {
      const name = contextName(cloudName, context.config)
      const own = kubeconfigFile(context)
      const users = userKubeconfigPath(process.env)
      const row = (file: string) => ({
        cloud: cloudName,
        type: 'context',
        id: `${file}#${name}`,
        name,
        reason: 'made by mlp',
      })
      const removed = []
      const text = await readKubeconfig(own)
      const without = text === '' ? '' : removeContexts(text, [name], context.platformFolder, own)
      if (without !== text) {
        await writeKubeconfig(own, without)
        removed.push(row(own))
      }
      if (await removeFromKubeconfig(users, [name], context.platformFolder)) removed.push(row(users))
      return { removed, kept: [], left: [] }
    },
  }
}
