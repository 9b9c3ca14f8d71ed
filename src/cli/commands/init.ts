import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { InitOptions } from '../options.ts'

export async function runInit(_options: InitOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp init is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
