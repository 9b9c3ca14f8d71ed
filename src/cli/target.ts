import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import * as z from 'zod'
import type { CloudName } from '../clouds/cloud.ts'
import { isGitHubJob } from '../clouds/github-identity.ts'
import type { Target } from '../clouds/target.ts'
import type { Config } from '../config/schema.ts'

const cloudNameSchema = z.enum(['aws', 'gcp', 'azure'])

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
  return isGitHubJob(options.environment) ? asJob(target, options.environment) : target
}

/** What says whom a job becomes in a cloud, and the target's own credentials, which it then does without. */
const jobIdentities: Readonly<
  Record<CloudName, { readonly by: string; readonly instead: readonly string[] }>
> = {
  aws: { by: 'AWS_ROLE_ARN', instead: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'] },
  gcp: { by: 'GOOGLE_WORKLOAD_IDENTITY_PROVIDER', instead: ['GOOGLE_APPLICATION_CREDENTIALS'] },
  azure: { by: 'AZURE_CLIENT_ID', instead: ['AZURE_CLIENT_ID', 'AZURE_CLIENT_SECRET'] },
}

/** A job of the pipeline signs in as itself: a rehearsal with other credentials than the performance's is none. */
function asJob(target: Target, environment: TargetOptions['environment']): Target {
  const clouds = Object.entries(target.clouds).map(([name, cloud]) => {
    const identity = jobIdentities[cloudNameSchema.parse(name)]
    if (!environment[identity.by]) return [name, cloud] as const
    const kept = Object.entries(cloud.environment).filter(([key]) => !identity.instead.includes(key))
    return [name, { ...cloud, environment: Object.fromEntries(kept) }] as const
  })
  return { ...target, clouds: Object.fromEntries(clouds) }
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
