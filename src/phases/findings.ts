import type { Finding } from '../engine/check.ts'
import { MlpError } from '../engine/errors.ts'

export function pass(detail: string): Finding {
  return { status: 'pass', detail }
}

export function fail(detail: string, remedy: readonly string[]): Finding {
  return { status: 'fail', detail, remedy }
}

/** Of what a simulator plays, which is no failure and no proof. */
export function simulatedFinding(name: string): Finding {
  return {
    status: 'warn',
    detail: `${name}: simulated: it does not run in its pod, so that nobody can be asked`,
  }
}

/** A check that could not look is no verdict: `error`; or `fail`, where not being able to look is the answer. */
export async function orError(
  look: () => Promise<Finding>,
  status: 'error' | 'fail' = 'error',
): Promise<Finding> {
  try {
    return await look()
  } catch (error) {
    if (!(error instanceof MlpError)) throw error
    const detail = error.detail === undefined ? error.message : `${error.message}: ${error.detail}`
    return { status, detail, remedy: error.remedy }
  }
}
