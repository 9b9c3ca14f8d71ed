import type { ToolName } from './toolchain.ts'

export interface BuildQueue {
  /** Runs one build at a time, in the order of asking. */
  run<T>(tool: ToolName, build: () => Promise<T>): Promise<T>
  /** Somebody waits for this tool now: of those that have not begun, it is next, now or when it is asked for. */
  first(tool: ToolName): void
}

export function createQueue(): BuildQueue {
  const waiting: { readonly tool: ToolName; readonly begin: () => Promise<void> }[] = []
  const urgent = new Set<ToolName>()
  let busy = false

  const next = async (): Promise<void> => {
    if (busy) return
    busy = true
    for (let entry = take(); entry !== undefined; entry = take()) await entry.begin()
    busy = false
  }
  const take = () => {
    const index = waiting.findIndex(({ tool }) => urgent.has(tool))
    return waiting.splice(Math.max(index, 0), 1)[0]
  }

  return {
    run: (tool, build) =>
      new Promise((resolve, reject) => {
        // The queue goes on after a failure; the failure goes to the one who asked.
        waiting.push({ tool, begin: () => build().then(resolve, reject) })
        void next()
      }),
    first: tool => {
      urgent.add(tool)
    },
  }
}
