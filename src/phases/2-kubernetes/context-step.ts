import { join } from 'node:path'
import type { CloudName, ClusterAccess } from '../../clouds/cloud.ts'
import { contextName } from '../../config/names.ts'
import { MlpError } from '../../engine/errors.ts'
import type { StepId } from '../../engine/step.ts'
import {
  contextCommand,
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
import { firstOnPath } from '../../tools/toolchain/found-on-path.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { requireAccess } from './cluster.ts'

/** Where the sandbox or the caches were put by the environment; kubectl may run without it. */
const carriedVariables = ['MLP_SANDBOX_HOME', 'MLP_CACHE']

/** mlp's own kubeconfig. */
export function kubeconfigFile(context: Pick<Context, 'home'>): string {
  return join(context.home, 'kubeconfig')
}

/** The kubeconfig entry of one cloud's cluster: its tokens come from whom the run, else the entry in `file`, names. */
export async function kubeContext(
  context: Context,
  cloudName: CloudName,
  access: ClusterAccess,
  file: string,
): Promise<KubeContext> {
  const name = contextName(cloudName, context.config)
  const native = cloudOf(context, cloudName).tokenPlugin(access.name)
  const kept = contextCommand(await readKubeconfig(file), name, file) === native.command
  return {
    name,
    server: access.endpoint,
    certificateAuthorityPem: access.certificateAuthorityPem,
    exec:
      (context.nativePlugins ?? kept)
        ? { apiVersion: 'v1beta1', ...native, env: { [platformVariable]: context.platformFolder } }
        : ownPlugin(context, cloudName, access),
  }
}

function ownPlugin(context: Context, cloud: CloudName, access: ClusterAccess): KubeContext['exec'] {
  const { config, configFile, target, platformFolder, mlpPath } = context
  const carried = carriedVariables.flatMap(name => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    apiVersion: 'v1',
    command: process.execPath,
    args: [
      ...[mlpPath, 'token', cloud, access.name, '--env', config.environment, '--target', target.name],
      ...(configFile === undefined ? [] : ['--config', configFile]),
    ],
    env: { [platformVariable]: platformFolder, ...Object.fromEntries(carried) },
  }
}

/** A cloud's own plugin that is not there makes a kubeconfig that nobody can use. */
async function requireTokenPlugin(context: Context, cloudName: CloudName): Promise<void> {
  if (context.nativePlugins !== true) return
  const { command, installHint } = cloudOf(context, cloudName).tokenPlugin('')
  if ((await firstOnPath(command, process.env['PATH'])) !== undefined) return
  throw new MlpError({
    code: 'MLP4023',
    summary: `${command} is not on the PATH`,
    detail: '--native-plugins lets kubectl run it for every token.',
    remedy: [installHint, 'or leave tokens to mlp: --no-native-plugins'],
  })
}

/** Adds this platform's contexts to the user's own kubeconfig, when asked to; teardown takes them out again. */
export async function mergeContextsForUser(context: Context): Promise<{ file: string; changed: boolean }> {
  const file = userKubeconfigPath(process.env)
  const contexts = await Promise.all(
    [...context.clouds.keys()].map(async name =>
      kubeContext(context, name, await requireAccess(context, name), file),
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
      const wanted = await kubeContext(context, cloudName, access, file)
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
      await requireTokenPlugin(context, cloudName)
      const access = await requireAccess(context, cloudName)
      const wanted = await kubeContext(context, cloudName, access, file)
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
