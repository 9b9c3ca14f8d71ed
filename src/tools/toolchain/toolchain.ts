import type { toolNames } from './versions.ts'

/** Every tool and engine that toolchain/versions.json pins. */
export type ToolName = (typeof toolNames)[number]

export interface Toolchain {
  /**
   * Absolute path of a binary of the pinned version: found on PATH, cached, downloaded and checked, or built, in
   * that order. Concurrent calls (and processes) share one build. Throws MlpError MLP20xx with the remedy.
   */
  path(tool: ToolName, signal?: AbortSignal): Promise<string>
  /** Starts finding or building in the background, in this order, and returns at once; failures wait for `path`. */
  prefetch(tools: readonly ToolName[]): void
  /** Whether `path` can be expected to succeed: it is here, or what it takes to get it is. */
  isObtainable(tool: ToolName): Promise<boolean>
  /** Where each tool stands now; builds nothing. */
  report(): Promise<readonly ToolReport[]>
  /** Of the Go that would build what cannot be downloaded; undefined without one on PATH. */
  goVersion(): Promise<string | undefined>
}

export interface ToolReport {
  readonly tool: ToolName
  /** The pinned version, and which others on PATH are as good. */
  readonly wanted: string
  readonly accepted: string
  readonly found: string | null
  readonly origin: 'path' | 'downloaded' | 'built' | 'missing'
  readonly path: string | null
  /** How mlp gets it when it is needed; none: a person has to install it. A build needs Go. */
  readonly ways: readonly ('download' | 'build')[]
  readonly remedy: readonly string[]
}
