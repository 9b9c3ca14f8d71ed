import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { BootstrapOptions } from '../options.ts'

export async function runBootstrap(_options: BootstrapOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp bootstrap is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
