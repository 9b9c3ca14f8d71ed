import { readFile } from 'node:fs/promises'
import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes, MlpError } from '../../engine/errors.ts'
import { isDead, readLease } from '../../engine/lock.ts'
import type { StepRecord } from '../../engine/state-document.ts'
import { readState } from '../../engine/state-document.ts'
import { phases } from '../../phases/index.ts'
import type { Io } from '../io.ts'
import type { StatusOptions } from '../options.ts'
import { lockFile, openPlatform, stateFile } from '../platform-home.ts'
import { chooseColour } from '../views/choose.ts'
import { palette } from '../views/palette.ts'
import { statusJson, statusReport } from '../views/status-report.ts'

/** What mlp remembers of the platform; asks no cloud. `mlp verify` looks whether it is still so. */
export async function runStatus(options: StatusOptions, io: Io): Promise<ExitCode> {
  const { config, home } = await openPlatform(options, io)
  const holder = await readLease(lockFile(home))
  const status = statusJson({
    target: config.target,
    project: config.project,
    environment: config.environment,
    phases: phases.map(({ number, name, steps }) => ({
      number,
      name,
      steps: steps(config).map(({ id, cloud }) => ({ id, cloud })),
    })),
    records: await readRecords(stateFile(home)),
    locked: holder !== undefined && !isDead(holder),
  })
  if (options.json) {
    io.stdout.write(`${JSON.stringify(status)}\n`)
  } else {
    const colour = chooseColour(options.color, { isTty: io.stdout.isTTY === true, env: io.env })
    const lines = statusReport(status, {
      columns: io.stdout.columns ?? 80,
      palette: palette(colour),
      now: new Date(),
    })
    io.stdout.write(`${lines.join('\n')}\n`)
  }
  return exitCodes.done
}

/** Reads and changes nothing: a damaged file is for the next run to set aside. */
async function readRecords(file: string): Promise<ReadonlyMap<string, StepRecord>> {
  const text = await readText(file)
  if (text === undefined) return new Map()
  const state = readState(text, file)
  if (state.kind !== 'damaged') return new Map(Object.entries(state.document.steps))
  throw new MlpError({
    code: 'MLP5212',
    summary: `${file} is damaged`,
    detail: state.reason,
    remedy: ['Run `mlp bootstrap`: it keeps the damaged file beside, asks the world, and goes on.'],
    exitCode: exitCodes.usage,
  })
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new MlpError({
      code: 'MLP5212',
      summary: `${file} cannot be read`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: ['Look at who owns it: mlp writes it with mode 0600 as the user who runs it.'],
      exitCode: exitCodes.usage,
      cause: error,
    })
  }
}
