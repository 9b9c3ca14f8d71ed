import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { EventBody } from '../../../src/engine/events.ts'
import type { JsonObject } from '../../../src/engine/json.ts'
import type { Outputs } from '../../../src/engine/run.ts'
import { openState, type StateStore } from '../../../src/engine/state.ts'
import type { EngineContext, Status, Step, StepId } from '../../../src/engine/step.ts'

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mlp-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function temporaryState(): Promise<StateStore> {
  const file = join(await temporaryFolder(), 'state.json')
  return openState({ file, mlpVersion: '0.1.0', platformId: 'mlp-test' })
}

/** Somewhere that steps change and ask. */
export interface World {
  readonly things: Map<string, JsonObject>
  readonly events: EventBody[]
  readonly calls: string[]
  readonly controller: AbortController
  makeContext(outputs: Outputs): EngineContext
}

export function emptyWorld(): World {
  const events: EventBody[] = []
  const controller = new AbortController()
  return {
    things: new Map(),
    events,
    calls: [],
    controller,
    makeContext: outputs => ({ signal: controller.signal, emit: event => events.push(event), outputs }),
  }
}

/** A step that keeps its thing in the world; parts are replaced by the test. */
export function worldStep(
  world: World,
  id: StepId,
  change: Partial<Step<EngineContext>> = {},
): Step<EngineContext> {
  return {
    id,
    cloud: id.split('.')[1] ?? 'all',
    title: `thing of ${id}`,
    needs: [],
    inputs: () => ({ size: 1 }),
    async status(): Promise<Status> {
      world.calls.push(`status ${id}`)
      const outputs = world.things.get(id)
      return outputs === undefined ? { state: 'absent' } : { state: 'present', outputs }
    },
    async apply() {
      world.calls.push(`apply ${id}`)
      world.things.set(id, { made: id })
      return { made: id }
    },
    async undo() {
      world.calls.push(`undo ${id}`)
      world.things.delete(id)
      const thing = { cloud: 'aws', type: 'thing', id, name: id, reason: 'teardown' }
      return { removed: [thing], kept: [], left: [] }
    },
    ...change,
  }
}
