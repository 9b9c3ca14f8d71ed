import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { VerifyOptions } from '../options.ts'

export async function runVerify(_options: VerifyOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp verify is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
