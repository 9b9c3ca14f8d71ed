import { randomBytes } from 'node:crypto'
import { dirname, join, resolve } from 'node:path'
import type { Cloud, CloudName } from '../clouds/cloud.ts'
import type { Target } from '../clouds/target.ts'
import { homeCloud } from '../config/configured-clouds.ts'
import { loadConfig } from '../config/load.ts'
import { platformId } from '../config/names.ts'
import type { Config } from '../config/schema.ts'
import { makeFolder } from '../engine/atomic-file.ts'
import { type ExitCode, MlpError } from '../engine/errors.ts'
import type { Emit, Event, EventBody, EventError, Leftover } from '../engine/events.ts'
import { toEventError, toMlpError } from '../engine/failure.ts'
import { type Interrupts, watchInterrupts } from '../engine/interrupt.ts'
import { acquireLease } from '../engine/lock.ts'
import { type Guard, type Outputs, type RunSummary, verdict } from '../engine/run.ts'
import { openState, type StateStore } from '../engine/state.ts'
import { shareKubeClients } from '../kube/clients.ts'
import type { Context, PlatformStep } from '../phases/phase.ts'
import { quoteCommand } from '../tools/quote.ts'
import { createToolchain } from '../tools/toolchain/create-toolchain.ts'
import { createClouds, openRecord } from './clouds.ts'
import { createConsent } from './consent.ts'
import type { Io } from './io.ts'
import type { ConsentOptions, GlobalOptions } from './options.ts'
import { openRunLog } from './run-log.ts'
import { tellSandboxBuilds } from './sandbox-builds.ts'
import { type JoinedRecord, joinRecord } from './session-record.ts'
import { resolveTarget, sandboxHome, withAccounts } from './target.ts'
import { createView } from './views/create-view.ts'
import { RunModel } from './views/run-model.ts'

export interface SessionOptions {
  readonly command: string
  readonly options: GlobalOptions &
    Partial<ConsentOptions> & {
      readonly cloud?: readonly CloudName[] | undefined
      readonly nativePlugins?: boolean | undefined
      readonly chaos?: boolean | undefined
      readonly lockWait?: number | undefined
    }
  readonly io: Io
  /** Takes the lease, and asks for consent where it is needed. */
  readonly changes: boolean
}

/** One command at work on one platform: everything opened in order, and closed in reverse whatever happens. */
export interface Session extends AsyncDisposable {
  readonly config: Config
  readonly state: StateStore
  readonly runId: string
  readonly emit: Emit
  readonly signal: AbortSignal
  readonly clouds: ReadonlyMap<CloudName, Cloud>
  readonly makeContext: (outputs: Outputs) => Context
  readonly guard: Guard
  /** Writes an answer where a view may be drawn at the moment: that would take the answer's last line for its own. */
  answer(write: () => void): void
  /** Whether this run works on that cloud. */
  works(cloud: string): boolean
  started(steps: readonly PlatformStep[]): void
  /** Gives the lease back and tells how it ended; the exit code counts an interrupt by SIGTERM apart. */
  finish(ending: Ending): Promise<ExitCode>
  /** The same for what was thrown outside of any step. */
  endedBy(error: MlpError): Promise<ExitCode>
}

/** What `runSteps` and `undoSteps` have in common. */
type Ending = Pick<RunSummary, 'result' | 'exitCode' | 'done' | 'skipped' | 'failed' | 'total'> & {
  readonly error?: EventError
  readonly removed?: readonly Leftover[]
  readonly kept?: readonly Leftover[]
  readonly left?: readonly Leftover[]
}

const noConsent = {
  destroyData: false,
  finalSnapshot: true,
  allowReplace: [],
  allowProduction: false,
  acceptCost: false,
  adopt: false,
  rollback: false,
  confirm: undefined,
}

/**
 * Opens a session, works in it, and closes it whatever happens. Throws what opening or the work throws; but a run that
 * changes things and has begun ends with its own last event, whatever it was that ended it.
 */
export async function withSession(
  given: SessionOptions,
  work: (session: Session) => Promise<ExitCode>,
): Promise<ExitCode> {
  const kill = new AbortController()
  const interrupts = watchInterrupts({
    kill(exitCode) {
      kill.abort()
      process.exit(exitCode)
    },
  })
  try {
    const session = await openSession(given, interrupts, kill.signal)
    try {
      return await work(session)
    } catch (thrown) {
      const error = interrupts.explain(thrown)
      if (!given.changes || !(error instanceof MlpError)) throw error
      return await session.endedBy(error)
    } finally {
      await session[Symbol.asyncDispose]()
    }
  } catch (error) {
    throw interrupts.explain(error)
  } finally {
    interrupts.stop()
  }
}

async function openSession(
  given: SessionOptions,
  interrupts: Interrupts,
  killSignal: AbortSignal,
): Promise<Session> {
  const { options, io } = given
  const startedAt = performance.now()
  const stack = new AsyncDisposableStack()
  try {
    const configFile = options.config === undefined ? undefined : resolve(io.cwd, options.config)
    const wanted = await loadConfig({ file: configFile, environment: options.env, target: options.target })
    const platformFolder = configFile === undefined ? io.cwd : dirname(configFile)
    const home = join(platformFolder, '.mlp', wanted.target, `${wanted.project}-${wanted.environment}`)
    await makeFolder(home)
    const runId = newRunId()
    const lease = given.changes
      ? stack.use(await acquireLease({ file: join(home, 'lock.json'), command: `mlp ${given.command}` }))
      : undefined
    const log = stack.use(await openRunLog({ folder: join(home, 'runs'), runId }))
    // A command that only asks owns standard output: its answer is the one document there.
    const [viewOptions, viewIo] = given.changes
      ? [options, io]
      : [
          { ...options, json: false },
          { ...io, stdout: io.stderr },
        ]
    const view = stack.adopt(await createView(viewOptions, viewIo, { logFile: log.textFile }), opened =>
      opened.close(),
    )
    const model = new RunModel()
    let record: JoinedRecord | undefined
    const note = (event: EventBody): Event => {
      const stamped = { at: new Date().toISOString(), ...event }
      interrupts.observe(event)
      record?.observe(event)
      log.write(stamped)
      model.see(stamped)
      return stamped
    }
    const emit: Emit = event => view.emit(note(event))
    interrupts.announce(emit)
    if (lease?.notice !== undefined) emit({ type: 'notice', level: 'warning', message: lease.notice })
    const state = await openState({
      file: join(home, 'state.json'),
      mlpVersion: io.version,
      platformId: platformId(wanted),
    })
    for (const message of state.notices) emit({ type: 'notice', level: 'warning', message })

    const toolchain = createToolchain({
      packageRoot: io.packageRoot,
      environment: io.env,
      emit,
      signal: interrupts.signal,
    })
    toolchain.prefetch(['terraform'])
    let awaited = false
    const target = await resolveTarget({
      config: wanted,
      platformFolder,
      environment: io.env,
      signal: interrupts.signal,
      report: message => {
        awaited = true
        emit({ type: 'tool-progress', tool: 'sandbox', message })
      },
    })
    if (awaited) emit({ type: 'tool-progress', tool: 'sandbox', message: 'ready', fraction: 1 })
    if (given.changes && target.name === 'sandbox')
      stack.use(tellSandboxBuilds(sandboxHome(platformFolder, io.env), emit))
    const config = withAccounts(wanted, target)
    const only = options.cloud === undefined || options.cloud.length === 0 ? undefined : options.cloud
    const clouds = await createClouds(config, target, only)
    record = stack.adopt(
      await joinRecord({
        store: await openRecord(config, target, clouds),
        state,
        lease,
        prepareStep: `1.${homeCloud(config)}.prepare`,
        borrower: borrowerName(io.env),
        lockWaitMs: options.lockWait ?? 0,
        runs: join(home, 'runs'),
        runId,
        emit,
        signal: interrupts.signal,
      }),
      async joined => {
        await joined.close()
      },
    )
    const { guard, lend, finish: finishRecord } = record
    const consent = createConsent({
      options: { ...noConsent, ...options },
      project: config.project,
      target: target.name,
      io,
      signal: interrupts.signal,
      pauseView: () => view.pause(),
    })
    const context = {
      config,
      platformId: platformId(config),
      target,
      toolchain,
      clouds,
      openKubeClient: shareKubeClients(),
      home,
      runFolder: join(home, 'runs', runId),
      platformFolder,
      configFile,
      templates: join(io.packageRoot, 'templates'),
      mlpVersion: io.version,
      mlpPath: io.mlpPath,
      nativePlugins: given.options.nativePlugins,
      consent,
      lendLock: lend,
      signal: interrupts.signal,
      killSignal,
      emit,
    }
    const finish = async (summary: Ending): Promise<ExitCode> => {
      const exitCode = interrupts.exitCode() ?? summary.exitCode
      const { result, done, skipped, failed, total } = summary
      const proof =
        summary.removed === undefined
          ? {}
          : { removed: summary.removed, kept: summary.kept ?? [], left: summary.left ?? [] }
      // Noted first, so that the history that is sent is whole; shown last, after what could not be sent.
      const ended = note({
        type: 'run-finished',
        result,
        exitCode,
        durationMs: performance.now() - startedAt,
        done,
        skipped,
        failed,
        total,
        ...proof,
        ...(summary.error === undefined ? {} : { error: summary.error }),
      })
      for (const message of await finishRecord()) {
        emit({ type: 'notice', level: 'warning', message })
      }
      await lease?.release().catch((error: unknown) => {
        const { message } = toMlpError(error, 'the lock')
        emit({
          type: 'notice',
          level: 'warning',
          message: `the lock stays; the next run takes it over: ${message}`,
        })
      })
      const cutShort = log.problem()
      if (cutShort !== undefined) emit({ type: 'notice', level: 'warning', message: cutShort })
      view.emit(ended)
      return exitCode
    }
    const owned = stack.move()
    return {
      config,
      state,
      runId,
      emit,
      signal: interrupts.signal,
      clouds,
      makeContext: outputs => ({ ...context, outputs }),
      guard: async (step, before) => {
        const ours = before === 'ask' ? lease?.asking(step) : lease?.working(step)
        await Promise.all([ours, guard(step, before)])
      },
      answer: write => {
        const goOn = view.pause()
        write()
        goOn()
      },
      works: cloud => cloud === 'all' || [...clouds.keys()].some(name => name === cloud),
      started: steps => emit(runStarted(given, runId, config, target, steps)),
      finish,
      endedBy: error =>
        finish({
          ...verdict([error], interrupts.exitCode() !== undefined || error.code === 'MLP5130'),
          done: model.count('done', 'removed', 'kept'),
          skipped: model.count('skipped'),
          failed: model.count('failed', 'left'),
          total: model.started?.steps.length ?? 0,
          error: toEventError(error),
        }),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

function runStarted(
  { command, io }: SessionOptions,
  runId: string,
  config: Config,
  target: Target,
  steps: readonly PlatformStep[],
) {
  return {
    type: 'run-started' as const,
    runId,
    command,
    typed: quoteCommand({ file: 'mlp', args: io.args }, text => text),
    target: target.name,
    project: config.project,
    environment: config.environment,
    steps: steps.map(({ id, cloud, title }) => ({ id, cloud, title })),
  }
}

/** In a job of GitHub's: what the mlp that follows the pipeline lends its lock to. */
function borrowerName(environment: Io['env']): string | undefined {
  const repository = environment['GITHUB_REPOSITORY']
  return environment['GITHUB_ACTIONS'] === 'true' && repository ? `github:${repository}` : undefined
}

/** Sorts by time, and two runs in the same second stay apart. */
function newRunId(): string {
  return `${new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, 'Z')}-${randomBytes(3).toString('hex')}`
}
