import { type ExitCode, MlpError } from '../../engine/errors.ts'
import { phases } from '../../phases/index.ts'
import type { Io } from '../io.ts'
import type { PhaseOptions } from '../options.ts'
import { runPhases } from '../run-phases.ts'

/** Runs one phase; what it needs of earlier ones is asked about, never applied. */
export async function runPhase(options: PhaseOptions, io: Io): Promise<ExitCode> {
  if (!phases.some(({ number }) => number === options.phase)) {
    throw new MlpError({
      code: 'MLP1011',
      summary: `phase ${options.phase} is not there yet`,
      detail: `There are: ${phases.map(({ number, title }) => `${number} ${title}`).join(', ')}.`,
      remedy: ['docs/guide.md says what is coming.'],
    })
  }
  return await runPhases({
    command: `phase ${options.phase}`,
    options,
    io,
    wanted: phase => phase === options.phase,
    only: options.step,
    force: options.force,
  })
}
