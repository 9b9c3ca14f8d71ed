import { randomBytes } from 'node:crypto'
import { copyFile, link, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { hostname, userInfo } from 'node:os'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { makeFolder, removeLeftTemporaries, systemErrorCode, writeFileAtomically } from './atomic-file.ts'
import { writing } from './disk-problem.ts'
import { MlpError } from './errors.ts'
import { hashOf, withoutSecrets } from './inputs.ts'
import type { Json, JsonObject } from './json.ts'
import {
  isNewer,
  readState,
  type StateDocument,
  type StepRecord,
  stateSchemaVersion,
} from './state-document.ts'

/**
 * What was done, when, by whom and with which inputs. Memory, not truth: steps and checks never read it. Every change
 * is on the disk, whole, before its promise resolves, but for the time at which the world last confirmed what was known:
 * that goes with the next change, or with `settle`. Changes are written one after another.
 */
export interface StateStore {
  readonly file: string
  /** Fencing number of the run that wrote it last; 0 when none had one. */
  fence(): number
  /** What a person should know about how the file was found: damaged, migrated. */
  readonly notices: readonly string[]
  get(step: string): StepRecord | undefined
  all(): ReadonlyMap<string, StepRecord>
  /** Inputs as they are kept (secret ones hashed), and their hash. */
  fingerprint(inputs: Json): Fingerprint
  /** Before anything is done, so that a kill can be seen. */
  begin(step: string, begun: Begun): Promise<void>
  succeed(step: string, ended: { readonly outputs: JsonObject; readonly why: string }): Promise<void>
  fail(step: string, error: { readonly code: string; readonly summary: string }): Promise<void>
  /** The world was asked and has it; makes a record where there is none. */
  confirm(step: string, begun: Begun, outputs: JsonObject): Promise<void>
  forget(step: string): Promise<void>
  /** Writes what has not been written yet. */
  settle(): Promise<void>
  /**
   * Goes on from what another machine recorded, when that is newer; says whether it is. The file follows with the next
   * change. Throws MlpError MLP5213 when it is of another platform.
   */
  adopt(other: StateDocument): Promise<boolean>
  /** From now on every change carries this run's fencing number, and is handed on. */
  share(copy: SharedCopy): Promise<void>
}

interface Change {
  edit(steps: StateDocument['steps']): StateDocument['steps']
  /** Once it is on the disk. */
  readonly done: Pick<PromiseWithResolvers<void>, 'resolve' | 'reject'>
}

/** Where changes go besides the file; `seen` is what is there already. */
interface SharedCopy {
  readonly fence: number
  readonly seen: StateDocument | undefined
  push(state: StateDocument): void
}

interface Fingerprint {
  readonly inputs: Json
  readonly hash: string
}

export interface Begun {
  readonly fingerprint: Fingerprint
  readonly runId: string
  readonly why: string
}

export interface StateOptions {
  readonly file: string
  readonly mlpVersion: string
  readonly platformId: string
  readonly now?: () => Date
}

/**
 * Opens the state file, or begins an empty one (written at the first change). A damaged file is kept beside it as
 * `state.json.damaged-<time>` and reported in `notices`; an older one is migrated with a backup. Throws MlpError
 * MLP5210 (written by a newer mlp, exit 2), MLP5211 (cannot be written), MLP5212 (cannot be read) and MLP5213 (of
 * another platform, exit 2).
 */
export async function openState(options: StateOptions): Promise<StateStore> {
  const now = options.now ?? (() => new Date())
  const notices: string[] = []
  const found = await load(options, now(), notices)
  if (found.document.platformId !== options.platformId)
    throw otherPlatform(options, found.document.platformId)
  const key = await hashKey(`${options.file}.key`)
  let document: StateDocument = { ...found.document, mlpVersion: options.mlpVersion }
  let shared: SharedCopy | undefined
  if (found.migrated) await write(options.file, document)

  let last: Promise<unknown> = Promise.resolve()
  // A failed write must not fail the next one, but its own caller must see it.
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work)
    last = next.catch(() => undefined)
    return next
  }
  let waiting: Change[] = []
  let isDue = false
  /** What came while the last write was under way is written at once: a write takes the disk longer than all else. */
  const writeWaiting = async (): Promise<void> => {
    const changes = waiting
    waiting = []
    isDue = false
    let { steps } = document
    const edited = changes.filter(({ edit, done }) => {
      try {
        steps = edit(steps)
        return true
      } catch (error) {
        done.reject(error)
        return false
      }
    })
    if (edited.length === 0) return
    const { fence, revision } = document
    const changed = { ...document, fence: shared?.fence ?? fence, revision: revision + 1, steps }
    try {
      await write(options.file, changed)
    } catch (error) {
      for (const { done } of edited) done.reject(error)
      return
    }
    document = changed
    shared?.push(changed)
    for (const { done } of edited) done.resolve()
  }
  const change = (edit: Change['edit']): Promise<void> => {
    const done = Promise.withResolvers<void>()
    waiting.push({ edit, done })
    if (!isDue) void inTurn(writeWaiting)
    isDue = true
    return done.promise
  }
  /** For what may be lost: it goes with the next change. */
  const changeLater = async (edit: Change['edit']): Promise<void> => {
    waiting.push({ edit, done: { resolve: () => undefined, reject: () => undefined } })
  }
  const put = (step: string, edit: (before: StepRecord | undefined) => StepRecord): Promise<void> =>
    change(steps => ({ ...steps, [step]: edit(steps[step]) }))
  const end = (step: string, edit: (begun: StepRecord) => StepRecord): Promise<void> =>
    put(step, before => {
      if (before === undefined) throw new Error(`${step} ended in the state without having begun`)
      return edit(before)
    })
  const by = `${userInfo().username}@${hostname()}`
  const recordOf = (begun: Begun): Pick<StepRecord, 'inputs' | 'inputsHash' | 'runId' | 'by' | 'why'> => ({
    inputs: begun.fingerprint.inputs,
    inputsHash: begun.fingerprint.hash,
    runId: begun.runId,
    by,
    why: begun.why,
  })

  return {
    file: options.file,
    notices,
    get: step => document.steps[step],
    all: () => new Map(Object.entries(document.steps)),
    fingerprint(inputs) {
      const kept = withoutSecrets(inputs, key)
      return { inputs: kept, hash: hashOf(kept) }
    },
    begin: (step, begun) =>
      put(step, before => ({
        ...recordOf(begun),
        state: 'running',
        outputs: before?.outputs ?? {},
        startedAt: now().toISOString(),
        finishedAt: null,
        checkedAt: before?.checkedAt ?? null,
      })),
    succeed: (step, { outputs, why }) =>
      end(step, ({ error: _, ...begun }) => {
        const at = now().toISOString()
        return { ...begun, state: 'done', outputs, finishedAt: at, checkedAt: at, why }
      }),
    fail: (step, error) =>
      end(step, begun => ({ ...begun, state: 'failed', finishedAt: now().toISOString(), error })),
    confirm(step, begun, outputs) {
      const at = now().toISOString()
      const known = document.steps[step]
      const isNew = known?.state !== 'done' || !isDeepStrictEqual(known.outputs, outputs)
      return (isNew ? change : changeLater)(steps => {
        const before = steps[step]
        const kept = before?.state === 'done' ? before : { ...recordOf(begun), startedAt: at, finishedAt: at }
        return { ...steps, [step]: { ...kept, state: 'done', outputs, checkedAt: at } }
      })
    },
    forget: step => change(steps => Object.fromEntries(Object.entries(steps).filter(([id]) => id !== step))),
    settle: () => (waiting.length === 0 ? inTurn(async () => undefined) : change(steps => steps)),
    fence: () => document.fence,
    adopt: other =>
      inTurn(async () => {
        if (other.platformId !== options.platformId) throw otherPlatform(options, other.platformId)
        if (!isNewer(other, document)) return false
        // What this run is in the middle of is known here only.
        const running = Object.entries(document.steps).filter(([, { state }]) => state === 'running')
        document = {
          ...other,
          mlpVersion: options.mlpVersion,
          steps: { ...other.steps, ...Object.fromEntries(running) },
        }
        return true
      }),
    share: copy =>
      inTurn(async () => {
        shared = copy
        // What an earlier run on this machine could not send any more.
        const isSent = copy.seen !== undefined && !isNewer(document, copy.seen)
        if (!isSent && document.revision > 0) copy.push({ ...document, fence: copy.fence })
      }),
  }
}

async function load(
  options: StateOptions,
  now: Date,
  notices: string[],
): Promise<{ readonly document: StateDocument; readonly migrated: boolean }> {
  const empty: StateDocument = {
    schemaVersion: stateSchemaVersion,
    mlpVersion: options.mlpVersion,
    platformId: options.platformId,
    fence: 0,
    revision: 0,
    steps: {},
  }
  const text = await readIfThere(options.file)
  if (text === undefined) return { document: empty, migrated: false }
  await writing('MLP5211', options.file, () => removeLeftTemporaries(options.file))
  const read = readState(text, options.file)
  if (read.kind === 'current') return { document: read.document, migrated: false }
  const stamp = now.toISOString().replaceAll(':', '-')
  if (read.kind === 'migrated') {
    const backup = `${options.file}.version-${read.from}-${stamp}`
    await writing('MLP5211', backup, () => copyFile(options.file, backup))
    notices.push(
      `${options.file} was migrated from version ${read.from} to ${stateSchemaVersion}; the old file is ${backup}`,
    )
    return { document: read.document, migrated: true }
  }
  const kept = `${options.file}.damaged-${stamp}`
  await writing('MLP5211', kept, () => rename(options.file, kept))
  notices.push(
    `${options.file} could not be understood (${read.reason}). It is kept as ${kept}; nothing is lost but history: every step asks the world again.`,
  )
  return { document: empty, migrated: false }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw new MlpError({
      code: 'MLP5212',
      summary: `${file} cannot be read`,
      detail: error instanceof Error ? error.message : String(error),
      remedy: [`Make it readable for ${userInfo().username}: ls -l ${file}`],
      cause: error,
    })
  }
}

async function write(file: string, document: StateDocument): Promise<void> {
  await writing('MLP5211', file, () => writeFileAtomically(file, `${JSON.stringify(document, null, 2)}\n`))
}

/** The key of the hashes that stand for secret inputs; made once, beside the state, so that the state alone tells nothing. */
async function hashKey(file: string): Promise<Buffer> {
  const found = await readIfThere(file)
  if (found !== undefined && /^[0-9a-f]{64}\n$/.test(found)) return Buffer.from(found.trim(), 'hex')
  const key = randomBytes(32)
  await writing('MLP5211', file, async () => {
    await makeFolder(dirname(file))
    if (found !== undefined) await unlink(file)
    const temporary = `${file}.${process.pid}.tmp`
    await writeFile(temporary, `${key.toString('hex')}\n`, { mode: 0o600 })
    // link() refuses to replace: of two runs that open the state together, one key wins.
    await link(temporary, file).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'EEXIST') throw error
    })
    await unlink(temporary)
  })
  return Buffer.from((await readFile(file, 'utf8')).trim(), 'hex')
}

function otherPlatform(options: StateOptions, found: string): MlpError {
  return new MlpError({
    code: 'MLP5213',
    summary: `${options.file} belongs to the platform ${found}, not to ${options.platformId}`,
    detail: 'A state file was copied here, or project or environment were renamed in mlp.yaml.',
    remedy: ['Restore mlp.yaml, or move the state file aside; mlp then asks the world what is there.'],
  })
}
