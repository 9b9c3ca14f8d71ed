import { dirname, join, resolve } from 'node:path'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
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
