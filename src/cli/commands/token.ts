import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { type ExitCode, exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { TokenOptions } from '../options.ts'
import { readToken, tokenFile, writeToken } from '../token-cache.ts'

const timeoutMs = 60_000

/**
 * kubectl's exec credential plugin: prints a token for one cluster (client.authentication.k8s.io/v1) and nothing else
 * on stdout. kubectl runs it for each command, so configuration and SDKs are loaded only when no kept token serves.
 */
export async function runToken(options: TokenOptions, io: Io): Promise<ExitCode> {
  const folder = platformFolder(options, io)
  const file = tokenFile(join(folder, '.mlp', 'tokens'), {
    cloud: options.cloud,
    cluster: options.cluster,
    selection: [options.config, options.env, options.target],
    environment: io.env,
    execInfo: io.env['KUBERNETES_EXEC_INFO'],
  })
  const kept = await readToken(file, Date.now())
  const credential = kept ?? (await askCloud(options, io, folder))
  if (kept === undefined) await writeToken(file, credential)
  const { token, expiresAt } = credential
  const answer = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token, expirationTimestamp: new Date(expiresAt).toISOString() },
  }
  io.stdout.write(`${JSON.stringify(answer)}\n`)
  return exitCodes.done
}

/** mlp's kubeconfig names the platform by MLP_PLATFORM_FOLDER, since kubectl runs us in any folder. */
function platformFolder(options: TokenOptions, io: Io): string {
  if (options.config !== undefined) return dirname(resolve(io.cwd, options.config))
  return resolve(io.cwd, io.env['MLP_PLATFORM_FOLDER'] ?? '.')
}

async function askCloud(options: TokenOptions, io: Io, folder: string) {
  const [{ configFileName, loadConfig }, { resolveTarget }, { createClouds }] = await Promise.all([
    import('../../config/load.ts'),
    import('../target.ts'),
    import('../clouds.ts'),
  ])
  const standard = join(folder, configFileName)
  const file =
    options.config === undefined
      ? existsSync(standard)
        ? standard
        : undefined
      : resolve(io.cwd, options.config)
  const config = await loadConfig({ file, environment: options.env, target: options.target })
  const signal = AbortSignal.timeout(timeoutMs)
  const target = await resolveTarget({
    config,
    platformFolder: folder,
    environment: io.env,
    signal,
    report: message => io.stderr.write(`${message}\n`),
  })
  const cloud = (await createClouds(config, target, [options.cloud])).get(options.cloud)
  if (cloud === undefined) {
    throw new MlpError({
      code: 'MLP1010',
      summary: `${options.cloud} is not in this platform's configuration`,
      detail: `Looked at ${file ?? `the sandbox's default, since ${standard} is not there`}.`,
      remedy: [`mlp token <cloud> ${options.cluster} --config <the platform's mlp.yaml>`],
    })
  }
  return cloud.token(options.cluster, signal)
}
