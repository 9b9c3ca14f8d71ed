import type { World } from '../../world.ts'
import type { Actions } from '../hub.ts'
import type { Records } from '../records.ts'
import type { Bases } from '../rest/bases.ts'

export interface ActionsOptions {
  readonly world: World
  readonly records: Records
  readonly folder: string
  readonly bases: Bases
  toolEnvironment(): Readonly<Record<string, string>>
}

export interface RunningActions extends Actions {
  runSchedules(repository: string): Promise<object>
  close(): Promise<void>
}

export async function openActions(_options: ActionsOptions): Promise<RunningActions> {
  return {
    trigger: async () => [],
    refresh: async () => undefined,
    cancel: () => undefined,
    rerun: () => undefined,
    review: () => undefined,
    forget: () => undefined,
    runSchedules: async () => ({ runs: [] }),
    close: async () => undefined,
  }
}
