/**
 * Keeps retries a small share of requests, so that an upstream in trouble does not get several times its load.
 * After Finagle's retry budget: each request pays in a fraction, each retry takes one.
 */
export interface RetryBudget {
  requestSent(): void
  /** False when there is nothing left to retry with. */
  takeRetry(): boolean
}

/** Retries that are always possible after a quiet time. */
const reserve = 10

/** @param ratio retries allowed for each request, 0.1 for instance */
export function createRetryBudget(ratio: number): RetryBudget {
  let balance = reserve
  return {
    requestSent() {
      balance = Math.min(reserve, balance + ratio)
    },
    takeRetry() {
      if (balance < 1) return false
      balance -= 1
      return true
    },
  }
}
