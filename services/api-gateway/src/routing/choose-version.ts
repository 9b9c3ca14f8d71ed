import { hash } from 'node:crypto'

/** Where a share of a model's requests goes. */
export interface VersionShare {
  readonly version: string
  /** Relative to the other shares; 0 gets nothing. */
  readonly weight: number
}

/**
 * Weighted rendezvous hashing: the same key gets the same version as long as the weights stay, keys spread as the
 * weights say, and when a weight grows, keys move only to that version. Nothing is stored, so replicas agree.
 * @param model makes the assignment of one model independent of another's
 */
export function chooseVersion<Share extends VersionShare>(
  shares: readonly [Share, ...Share[]],
  model: string,
  key: string,
): Share {
  let [best] = shares
  let bestScore = Number.NEGATIVE_INFINITY
  for (const share of shares) {
    if (share.weight === 0) continue
    const score = share.weight / -Math.log(uniform(`${model}\0${share.version}\0${key}`))
    if (score > bestScore) {
      best = share
      bestScore = score
    }
  }
  return best
}

/** A number in (0, 1) that only the text decides. */
function uniform(text: string): number {
  const bits = Number.parseInt(hash('sha256', text, 'hex').slice(0, 13), 16)
  return (bits + 0.5) / 2 ** 52
}
