import { buildGraph, needsOf } from '../engine/graph.ts'
import { phases } from '../phases/index.ts'
import type { PhaseNumber, PlatformStep } from '../phases/phase.ts'
import type { Session } from './session.ts'
import { stepsOfClouds } from './steps-of-clouds.ts'

/** The steps of the wanted phases, and what they need of earlier ones, which is only asked about. */
export function stepsOfPhases(
  { config, works }: Pick<Session, 'config' | 'works'>,
  isWanted: (phase: PhaseNumber) => boolean,
  isTakenBack = false,
): { readonly steps: readonly PlatformStep[]; readonly askOnly: ReadonlySet<string> } {
  const numbered = phases.map(phase => ({
    phase,
    steps: stepsOfClouds(phase.steps(config), works, isTakenBack),
  }))
  const all = numbered.flatMap(({ steps }) => steps)
  const wanted = numbered.flatMap(({ phase, steps }) => (isWanted(phase.number) ? steps : []))
  const graph = buildGraph(all)
  const involved = new Set(wanted.flatMap(({ id }) => [...needsOf(graph, id)]))
  const own = new Set<string>(wanted.map(({ id }) => id))
  const steps = all.filter(({ id }) => involved.has(id))
  return { steps, askOnly: new Set(steps.map(({ id }) => id).filter(id => !own.has(id))) }
}
