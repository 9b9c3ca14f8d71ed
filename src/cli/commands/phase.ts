import { userInfo } from 'node:os'
import { type ExitCode, MlpError } from '../../engine/errors.ts'
import { readSignOffFlag, writeSignOffs } from '../../phases/8-readiness/sign-offs.ts'
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
  const signed = options.signOff.map(flag => readSignOffFlag(flag, userInfo().username))
  if (signed.length > 0 && options.phase !== 8) throw notOfThisPhase(options.phase)
  return await runPhases({
    command: `phase ${options.phase}`,
    options,
    io,
    wanted: phase => phase === options.phase,
    only: options.step,
    force: options.force,
    ...(signed.length === 0
      ? {}
      : {
          async after(context, runId) {
            const at = new Date().toISOString()
            await writeSignOffs(
              context,
              new Map(signed.map(({ item, by }) => [item, { by, at, runId }] as const)),
            )
          },
        }),
  })
}

function notOfThisPhase(phase: number): MlpError {
  return new MlpError({
    code: 'MLP1091',
    summary: `--sign-off belongs to phase 8, not to phase ${phase}`,
    remedy: ['mlp phase 8 --sign-off ITEM'],
  })
}
