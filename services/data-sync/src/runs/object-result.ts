/** What became of one object at one destination. Objects that were in step have none. */
export interface ObjectResult {
  /** From 0. */
  readonly destination: number
  readonly key: string
  readonly action: 'copy' | 'delete'
  readonly outcome: 'done' | 'failed' | 'skipped' | 'planned'
  readonly bytes: number
  readonly contentHash?: string | undefined
  readonly reason?: string | undefined
}
