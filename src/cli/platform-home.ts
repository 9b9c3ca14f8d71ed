import { dirname, join, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import type { RecordStore } from '../engine/record-store.ts'
import type { Io } from './io.ts'
import type { GlobalOptions } from './options.ts'

/** The platform that a command line means, and where its memory lies. */
export interface Platform {
  readonly config: Config
  /** Absolute folder of mlp.yaml. */
  readonly folder: string
  /** `.mlp/<target>/<project>-<environment>`, absolute; may not exist yet. */
  readonly home: string
}

export async function openPlatform(
  options: Pick<GlobalOptions, 'config' | 'env' | 'target'>,
  io: Pick<Io, 'cwd'>,
): Promise<Platform> {
  const file = options.config === undefined ? undefined : resolve(io.cwd, options.config)
  const config = await loadConfig({ file, environment: options.env, target: options.target })
  const folder = file === undefined ? io.cwd : dirname(file)
  return {
    config,
    folder,
    home: join(folder, '.mlp', config.target, `${config.project}-${config.environment}`),
  }
}

export function stateFile(home: string): string {
  return join(home, 'state.json')
}

export function lockFile(home: string): string {
  return join(home, 'lock.json')
}

/** What all machines share of the platform, for a command that only looks; or why it cannot be asked. Starts nothing. */
export async function findRecord(
  { config, folder }: Platform,
  io: Pick<Io, 'env'>,
  signal: AbortSignal,
): Promise<RecordStore | string> {
  const [{ resolveTarget, sandboxHome, withAccounts }, { openRecord }] = await Promise.all([
    import('./target.ts'),
    import('./clouds.ts'),
  ])
  if (config.target === 'sandbox') {
    const { sandboxStatus } = await import('./sandbox-client.ts')
    if ((await sandboxStatus(sandboxHome(folder, io.env))) === undefined) return 'the sandbox does not run'
  }
  const target = await resolveTarget({
    config,
    platformFolder: folder,
    environment: io.env,
    signal,
    report: () => undefined,
  })
  return await openRecord(withAccounts(config, target), target)
}
