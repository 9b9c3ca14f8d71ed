/** One long-running program. */
export interface ProcessSpec {
  /** Unique in the sandbox, such as `clusters/aws/ml-platform-dev/etcd`. */
  readonly name: string
  /** Absolute path of the program. */
  readonly file: string
  readonly args: readonly string[]
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly logFile: string
  /** What asks it to end; SIGTERM unless it says otherwise. */
  readonly stopSignal?: 'SIGINT'
}

/** What the control planes need of whatever keeps the sandbox's processes. */
export interface ProcessSupervisor {
  /**
   * Makes exactly one process with this specification run: adopts the one that is there, replaces one with another
   * specification, starts one otherwise. Starts it again when it ends by itself. Returns once it is started.
   */
  ensure(spec: ProcessSpec): Promise<void>
  /** Ends it (SIGTERM, then SIGKILL) and forgets it; returns when it is gone. Nothing to do when it does not run. */
  stop(name: string): Promise<void>
  /** The process id, or undefined when it does not run now. */
  pid(name: string): number | undefined
}
