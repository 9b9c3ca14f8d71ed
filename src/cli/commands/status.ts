import type { ExitCode } from '../../engine/errors.ts'
import { exitCodes } from '../../engine/errors.ts'
import { toMlpError } from '../../engine/failure.ts'
import { isDead, isDeadHere, type LeaseHolder } from '../../engine/lease-holder.ts'
import { readLease } from '../../engine/lock.ts'
import { readSharedState } from '../../engine/record-copy.ts'
import { readSharedLease } from '../../engine/record-lease.ts'
import { isNewer, type StateDocument } from '../../engine/state-document.ts'
import { phases } from '../../phases/index.ts'
import type { Io } from '../io.ts'
import type { StatusOptions } from '../options.ts'
import { findRecord, lockFile, openPlatform, type Platform, stateFile } from '../platform-home.ts'
import { readStateFile } from '../state-file.ts'
import { chooseColour } from '../views/choose.ts'
import { palette } from '../views/palette.ts'
import { statusJson, statusReport } from '../views/status-report.ts'

/** An answer that takes longer is not worth waiting for: this machine has a copy. */
const lookTimeoutMs = 5_000

/**
 * What mlp remembers of the platform, here and in the home cloud, whichever is newer; asks no cloud what is there.
 * `mlp verify` looks whether it is still so.
 */
export async function runStatus(options: StatusOptions, io: Io): Promise<ExitCode> {
  const platform = await openPlatform(options, io)
  const { config, home } = platform
  const [own, shared] = await Promise.all([readOwn(home), readShared(platform, io)])
  const document = newest(own.document, shared.document)
  const status = statusJson({
    target: config.target,
    project: config.project,
    environment: config.environment,
    phases: phases.map(({ number, name, steps }) => ({
      number,
      name,
      steps: steps(config).map(({ id, cloud }) => ({ id, cloud })),
    })),
    records: new Map(Object.entries(document?.steps ?? {})),
    holder: shared.holder ?? own.holder,
    record: { place: shared.place, problem: shared.problem },
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

interface Remembered {
  readonly document: StateDocument | undefined
  readonly holder: LeaseHolder | undefined
}

async function readOwn(home: string): Promise<Remembered> {
  const [holder, document] = await Promise.all([readLease(lockFile(home)), readStateFile(stateFile(home))])
  return { document, holder: holder !== undefined && isDead(holder) ? undefined : holder }
}

async function readShared(
  platform: Platform,
  io: Io,
): Promise<Remembered & { readonly place: string | null; readonly problem: string | null }> {
  const signal = AbortSignal.timeout(lookTimeoutMs)
  const unknown = { document: undefined, holder: undefined, place: null }
  try {
    const store = await findRecord(platform, io, signal)
    if (typeof store === 'string') return { ...unknown, problem: store }
    const [holder, { document }] = await Promise.all([
      readSharedLease(store, signal),
      readSharedState(store, signal),
    ])
    return {
      document,
      holder: holder !== undefined && isDeadHere(holder) ? undefined : holder,
      place: document === undefined ? null : store.place,
      problem: null,
    }
  } catch (error) {
    const { message } = toMlpError(error, 'mlp status')
    return { ...unknown, problem: signal.aborted ? 'no answer in time' : message }
  }
}

function newest(one: StateDocument | undefined, other: StateDocument | undefined): StateDocument | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return isNewer(other, one) ? other : one
}
