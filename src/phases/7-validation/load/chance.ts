/** How likely at least so many of `trials` fail where each fails with this probability. */
export function atLeast(failures: number, trials: number, probability: number): number {
  let exactly = (1 - probability) ** trials
  let fewer = 0
  for (let count = 0; count < failures; count++) {
    fewer += exactly
    exactly *= ((trials - count) / (count + 1)) * (probability / (1 - probability))
  }
  return Math.max(0, 1 - fewer)
}
