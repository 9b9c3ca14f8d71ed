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
  /** Where each tool stands now; builds nothing. */
  report(): Promise<readonly ToolReport[]>
}

export interface ToolReport {
  readonly tool: ToolName
  readonly wanted: string
  readonly found: string | null
  readonly origin: 'path' | 'downloaded' | 'built' | 'missing'
  readonly path: string | null
  /** mlp can download or build it when it is needed. */
  readonly obtainable: boolean
  readonly remedy: readonly string[]
}
