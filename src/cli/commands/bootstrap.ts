import type { ExitCode } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { BootstrapOptions } from '../options.ts'
import { runPhases } from '../run-phases.ts'

/** Builds the platform, phase after phase, or what `--from`, `--to` and `--cloud` leave of it. */
export function runBootstrap(options: BootstrapOptions, io: Io): Promise<ExitCode> {
  const first = options.from ?? 1
  const last = options.to ?? 8
  return runPhases({ command: 'bootstrap', options, io, wanted: phase => phase >= first && phase <= last })
}
