import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { TokenOptions } from '../options.ts'

export async function runToken(_options: TokenOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp token is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
