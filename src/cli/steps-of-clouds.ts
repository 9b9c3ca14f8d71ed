import type { PlatformStep } from '../phases/phase.ts'

/**
 * The steps of the clouds that a run works on (`--cloud`). What they need of another cloud's is not waited for: a step
 * that cannot do without it says so itself. What brings two clouds together is left to a run of both, except that what one
 * of them has of it goes with that cloud.
 */
export function stepsOfClouds(
  steps: readonly PlatformStep[],
  works: (cloud: string) => boolean,
  isTakenBack = false,
): readonly PlatformStep[] {
  return steps
    .filter(
      ({ cloud, joins = [] }) => works(cloud) && ((isTakenBack && cloud !== 'all') || joins.every(works)),
    )
    .map(step => {
      const needs = step.needs.filter(need => works(need.split('.')[1] ?? ''))
      return needs.length === step.needs.length ? step : { ...step, needs }
    })
}
