/** What is true of a code wherever it is thrown. What is true of one case only stands in that MlpError. */
export interface CatalogueEntry {
  /** What went wrong, in half a line. */
  readonly title: string
  /** When it happens, and what state things are in then. */
  readonly meaning: string
  /** Who can put it right. */
  readonly owner: 'operator' | 'cloud-administrator' | 'mlp-authors'
  /** The same command, with nothing changed by anybody, may well succeed. */
  readonly retryable: boolean
  /** What to do where the error itself knows nothing better. */
  readonly remedy: string
  /** See `exitCodes` in ../errors.ts. */
  readonly exitCode: 1 | 2 | 3 | 5 | 6 | 130 | 143
}

/** The codes of one range, by its digit. */
export type Entries<Range extends number> = Readonly<Record<`MLP${Range}${number}`, CatalogueEntry>>
