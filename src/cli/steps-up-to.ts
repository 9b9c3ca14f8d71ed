import { phases } from '../phases/index.ts'
import type { PlatformStep } from '../phases/phase.ts'
import type { Session } from './session.ts'
import { stepsOfClouds } from './steps-of-clouds.ts'

/** The steps of the phases up to `last`; those before `first` are only asked about, for what the others need of them. */
export function stepsUpTo(
  last: number,
  first: number,
  session: Pick<Session, 'config' | 'works'>,
): { readonly steps: readonly PlatformStep[]; readonly askOnly: ReadonlySet<string> } {
  const stepsOf = (list: typeof phases) =>
    stepsOfClouds(
      list.flatMap(phase => phase.steps(session.config)),
      session.works,
    )
  const before = phases.filter(({ number }) => number < first)
  return {
    steps: stepsOf(phases.filter(({ number }) => number <= last)),
    askOnly: new Set(stepsOf(before).map(({ id }) => id)),
  }
}
