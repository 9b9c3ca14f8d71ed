/** Deleting is asked for, and only so much of a destination at once. */
export interface DeletionLimit {
  /** 0.1: no more than a tenth of the objects that the job sees at the destination. */
  readonly maxRatio: number
}

/** How many of `present` objects may be deleted in one run. */
export function mostDeletions(present: number, limit: DeletionLimit): number {
  return Math.floor(present * limit.maxRatio)
}
