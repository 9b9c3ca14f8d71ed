import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { CloudName } from '../clouds/cloud.ts'
import type { Target } from '../clouds/target.ts'
import type { Config } from '../config/schema.ts'

export interface TargetOptions {
  readonly config: Config
  readonly platformFolder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  readonly report: (message: string) => void
}

/** Where the sandbox lives: MLP_SANDBOX_HOME, or `.mlp/sandbox` beside mlp.yaml. */
export function sandboxHome(
  platformFolder: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const chosen = environment['MLP_SANDBOX_HOME']
  return chosen === undefined || chosen === '' ? join(platformFolder, '.mlp', 'sandbox') : resolve(chosen)
}

/** The real clouds need nothing from us; the sandbox is started when it does not run. */
export async function resolveTarget(options: TargetOptions): Promise<Target> {
  if (options.config.target === 'cloud')
    return { name: 'cloud', environment: {}, caFile: undefined, clouds: {} }
  const { ensureSandbox } = await import('./sandbox-client.ts')
  const target = await ensureSandbox({
    home: sandboxHome(options.platformFolder, options.environment),
    signal: options.signal,
    report: options.report,
  })
  if (target.caFile !== undefined) await trust(target.caFile)
  return target
}

/** The target without starting anything: a sandbox that does not run tells nothing of itself. */
export async function knownTarget(
  { config, folder }: { readonly config: Config; readonly folder: string },
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Target> {
  const unknown = { name: config.target, environment: {}, caFile: undefined, clouds: {} }
  if (config.target === 'cloud') return unknown
  const { runningSandbox } = await import('./sandbox-client.ts')
  return (await runningSandbox(sandboxHome(folder, environment))) ?? unknown
}

/** This process also believes the sandbox's certificate authority, whose key never left this machine. */
async function trust(caFile: string): Promise<void> {
  setDefaultCACertificates([...getCACertificates('default'), await readFile(caFile, 'utf8')])
}

/** The target says which accounts it has: a sandbox has its own, whatever mlp.yaml says of the real ones. */
export function withAccounts(config: Config, target: Target): Config {
  const { aws, gcp, azure } = config.clouds
  const account = (name: CloudName) => target.clouds[name]?.account
  return {
    ...config,
    clouds: {
      ...(aws === undefined ? {} : { aws: { ...aws, accountId: account('aws') ?? aws.accountId } }),
      ...(gcp === undefined ? {} : { gcp: { ...gcp, projectId: account('gcp') ?? gcp.projectId } }),
      ...(azure === undefined
        ? {}
        : { azure: { ...azure, subscriptionId: account('azure') ?? azure.subscriptionId } }),
    },
  }
}
