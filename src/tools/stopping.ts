/** How long a tool gets to end by itself after SIGINT, then after SIGTERM, before it is killed. */
export interface Patience {
  readonly afterInterruptMs: number
  readonly afterTerminateMs: number
}

const defaultPatience: Patience = { afterInterruptMs: 10_000, afterTerminateMs: 5_000 }

export interface Stopper {
  /** One SIGINT, and then as long as it takes: terraform may need minutes to save what it did. Repeats do nothing. */
  interrupt(): void
  /** SIGINT (unless it had one), then SIGTERM, then SIGKILL, with patience between. */
  stop(): void
  /** SIGKILL at once, to the tool and all it started. */
  kill(): void
  /** The tool has ended: sends nothing any more. */
  release(): void
}

/** Sends signals to the leader of a process group of its own. Only SIGKILL goes to the whole group. */
export function createStopper(pid: number, patience: Patience = defaultPatience): Stopper {
  let interrupted = false
  let released = false
  const timers: NodeJS.Timeout[] = []
  const send = (target: number, signal: NodeJS.Signals): void => {
    if (released) return
    try {
      process.kill(target, signal)
    } catch (error) {
      // It ended between its exit and our hearing of it.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
    }
  }
  const interrupt = (): void => {
    if (interrupted) return
    interrupted = true
    send(pid, 'SIGINT')
  }
  const kill = (): void => send(-pid, 'SIGKILL')
  return {
    interrupt,
    kill,
    stop() {
      interrupt()
      timers.push(setTimeout(() => send(pid, 'SIGTERM'), patience.afterInterruptMs))
      timers.push(setTimeout(kill, patience.afterInterruptMs + patience.afterTerminateMs))
    },
    release() {
      released = true
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
