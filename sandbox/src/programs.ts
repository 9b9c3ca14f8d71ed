import { fileURLToPath } from 'node:url'
import { createToolchain } from '../../src/tools/toolchain/create-toolchain.ts'
import type { ToolName } from '../../src/tools/toolchain/toolchain.ts'

export interface Programs {
  /** Absolute path of a program of the pinned version; waits while it is downloaded or built. */
  find(tool: ToolName): Promise<string>
  /** Whether it is here, or what it takes to download or build it is. */
  isObtainable(tool: ToolName): Promise<boolean>
  /** What is being fetched or built now, and how far that is. */
  progress(): ReadonlyMap<string, string>
}

/** The engines, from the toolchain that mlp itself uses: one cache, one build of each. */
export function openPrograms(
  environment: Readonly<Record<string, string | undefined>>,
  log: (message: string) => void,
): Programs {
  const progress = new Map<string, string>()
  const toolchain = createToolchain({
    packageRoot: fileURLToPath(new URL('../..', import.meta.url)),
    environment,
    emit: event => {
      if (event.type === 'tool-progress') progress.set(event.tool, event.message)
      if (event.type === 'notice') log(event.message)
    },
  })
  return {
    async find(tool) {
      try {
        return await toolchain.path(tool)
      } finally {
        progress.delete(tool)
      }
    },
    isObtainable: tool => toolchain.isObtainable(tool),
    progress: () => progress,
  }
}
