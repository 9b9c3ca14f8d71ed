import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { TeardownOptions } from '../options.ts'

export async function runTeardown(_options: TeardownOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp teardown is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
