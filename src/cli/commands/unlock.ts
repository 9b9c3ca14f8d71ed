import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { UnlockOptions } from '../options.ts'

export async function runUnlock(_options: UnlockOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp unlock is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
