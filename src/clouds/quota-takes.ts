/** What one part of a platform takes of one limit: at least, at most, and now. */
export interface QuotaTake {
  readonly limit: string
  readonly least: number
  readonly most: number
  readonly ours: number
}

/** What all parts together take of each limit. */
export function sumTakes(takes: readonly QuotaTake[]): readonly QuotaTake[] {
  return [...Map.groupBy(takes, ({ limit }) => limit)].map(([limit, parts]) => ({
    limit,
    least: parts.reduce((sum, part) => sum + part.least, 0),
    most: parts.reduce((sum, part) => sum + part.most, 0),
    ours: parts.reduce((sum, part) => sum + part.ours, 0),
  }))
}
