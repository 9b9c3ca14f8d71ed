import type { Readable, Writable } from 'node:stream'

/** A stream that may be a terminal. */
export type Output = Writable & {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}
type Input = Readable & { readonly isTTY?: boolean }

/** The world as a command sees it; made once in main.ts, replaced as a whole in tests. */
export interface Io {
  /** What was typed after `mlp`. */
  readonly args: readonly string[]
  readonly stdin: Input
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute folder that relative paths on the command line start from. */
  readonly cwd: string
  /** Absolute path of the bin/mlp.js that runs. */
  readonly mlpPath: string
  /** Absolute folder of mlp's own package: templates/, schemas/, toolchain/, sandbox/ lie there. */
  readonly packageRoot: string
  /** mlp's own version. */
  readonly version: string
}
