/**
 * A few small documents that several machines share, each with a version that changes whenever it is written. All
 * that is asked of whoever keeps them is that a write on condition is atomic: of several writers that name the same
 * version, one succeeds. Throws MlpError when it cannot be asked.
 */
export interface RecordStore {
  /** Where it is, for people: `s3://bucket/mlp`. */
  readonly place: string
  read(name: string, signal: AbortSignal): Promise<Found>
  /**
   * Writes when the document still has the version `after`, or still is not there when that is undefined. Returns the
   * new version, or undefined when somebody else was quicker, in which case nothing was written. Also undefined when
   * an earlier try arrived whose answer was lost: who writes has to look.
   */
  write(
    name: string,
    text: string,
    after: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined>
}

export type Found =
  | { readonly state: 'found'; readonly text: string; readonly version: string }
  | { readonly state: 'absent' }
  /** Nothing can be kept there yet. */
  | { readonly state: 'no-store' }
