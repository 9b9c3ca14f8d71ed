import { type ExitCode, exitCodes } from './errors.ts'
import type { Emit } from './events.ts'

type Signal = 'SIGINT' | 'SIGTERM'

/** The part of node's `process` that is needed, so that a test can stand in for it. */
export interface SignalSource {
  on(signal: Signal, listener: (signal: Signal) => void): unknown
  off(signal: Signal, listener: (signal: Signal) => void): unknown
}

export interface InterruptOptions {
  readonly source: SignalSource
  readonly emit: Emit
  /** Ids of the steps that are running now. */
  readonly running: () => readonly string[]
  /** Kills what still runs and ends the process with this code; called at the second signal. */
  readonly kill: (exitCode: ExitCode) => void
}

export interface Interrupts extends Disposable {
  /** Aborted at the first signal: start nothing new, finish what runs. */
  readonly signal: AbortSignal
  /** 130 or 143 after a signal, by the first one; undefined before. */
  exitCode(): ExitCode | undefined
}

/**
 * Listens for SIGINT and SIGTERM. The first stops the run in order and says what is finishing; the second says what is
 * lost and kills. Dispose to give the signals back.
 */
export function listenForInterrupts(options: InterruptOptions): Interrupts {
  const controller = new AbortController()
  let code: ExitCode | undefined
  let count = 0
  const onSignal = (signal: Signal): void => {
    count += 1
    code ??= signal === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
    options.emit({ type: 'interrupt', signal, count, finishing: options.running() })
    if (count === 1) controller.abort()
    else if (count === 2) options.kill(code)
  }
  const signals: readonly Signal[] = ['SIGINT', 'SIGTERM']
  for (const signal of signals) options.source.on(signal, onSignal)
  return {
    signal: controller.signal,
    exitCode: () => code,
    [Symbol.dispose]() {
      for (const signal of signals) options.source.off(signal, onSignal)
    },
  }
}
