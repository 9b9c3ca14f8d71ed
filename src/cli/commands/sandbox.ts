import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { SandboxOptions } from '../options.ts'

export async function runSandboxCommand(_options: SandboxOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp sandbox is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
