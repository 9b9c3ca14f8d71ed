import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import type { Io } from '../io.ts'
import type { PlanOptions } from '../options.ts'

export async function runPlan(_options: PlanOptions, _io: Io): Promise<ExitCode> {
  throw new MlpError({
    code: 'MLP1010',
    summary: 'mlp plan is not there yet',
    remedy: [],
    exitCode: exitCodes.usage,
  })
}
