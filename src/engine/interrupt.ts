import { type ExitCode, exitCodes, MlpError } from './errors.ts'
import type { Emit, EventBody } from './events.ts'
import { isAbort } from './failure.ts'

type Signal = 'SIGINT' | 'SIGTERM'

/** The part of node's `process` that is needed, so that a test can stand in for it. */
interface SignalSource {
  on(signal: Signal, listener: (signal: Signal) => void): unknown
  off(signal: Signal, listener: (signal: Signal) => void): unknown
}

export interface InterruptOptions {
  readonly source?: SignalSource
  /** At the second signal: kill the tools that run, and end the process with this code. */
  readonly kill: (exitCode: ExitCode) => void
}

export interface Interrupts {
  /** Aborted at the first signal: start nothing new, finish what runs. */
  readonly signal: AbortSignal
  /** 130 or 143 after a signal, by the first one; undefined before. */
  exitCode(): ExitCode | undefined
  /** An error that only tells that a signal came, as that; any other as it is. */
  explain(error: unknown): unknown
  /** Where to tell of signals; those that came before are told at once. */
  announce(emit: Emit): void
  /** To be shown every event, which is how it knows what runs. */
  observe(event: EventBody): void
  /** Gives the signals back. */
  stop(): void
}

/**
 * Listens for SIGINT and SIGTERM. The first stops the run in order and tells what is finishing; the second tells what
 * is lost and kills; later ones change nothing.
 */
export function watchInterrupts(options: InterruptOptions): Interrupts {
  const source = options.source ?? process
  const controller = new AbortController()
  const runningSteps = new Set<string>()
  const early: EventBody[] = []
  let emit: Emit = event => early.push(event)
  let code: ExitCode | undefined
  let count = 0
  const onSignal = (signal: Signal): void => {
    count += 1
    code ??= signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
    emit({ type: 'interrupt', signal, count, finishing: [...runningSteps] })
    if (count === 1) controller.abort()
    else if (count === 2) options.kill(code)
  }
  const signals: readonly Signal[] = ['SIGINT', 'SIGTERM']
  for (const signal of signals) source.on(signal, onSignal)
  return {
    signal: controller.signal,
    exitCode: () => code,
    explain(error) {
      const onlyThat = isAbort(error) || (error instanceof MlpError && error.code === 'MLP5130')
      return code !== undefined && onlyThat ? interruptedBy(code, error) : error
    },
    announce(to) {
      emit = to
      for (const event of early.splice(0)) to(event)
    },
    observe(event) {
      if (event.type === 'step-started') runningSteps.add(event.step)
      else if (event.type === 'step-finished') runningSteps.delete(event.step)
    },
    stop() {
      for (const signal of signals) source.off(signal, onSignal)
    },
  }
}

function interruptedBy(code: ExitCode, cause: unknown): MlpError {
  return new MlpError({
    code: code === exitCodes.terminated ? 'MLP5143' : 'MLP5130',
    summary: 'interrupted while no step was at work',
    remedy: ['Run the same command again.'],
    cause,
  })
}
