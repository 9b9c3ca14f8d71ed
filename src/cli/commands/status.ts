import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { StatusOptions } from '../options.ts'

export async function runStatus(_options: StatusOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp status is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
