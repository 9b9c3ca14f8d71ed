import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { CompletionOptions } from '../options.ts'

export async function runCompletion(_options: CompletionOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp completion is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
