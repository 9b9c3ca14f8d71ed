import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { DoctorOptions } from '../options.ts'

export async function runDoctor(_options: DoctorOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp doctor is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
