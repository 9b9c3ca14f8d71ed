import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { PhaseOptions } from '../options.ts'

export async function runPhase(_options: PhaseOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp phase is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
