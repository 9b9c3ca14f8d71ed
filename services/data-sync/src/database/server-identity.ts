/** By what the server's certificate is checked. */
export interface ServerIdentity {
  /** The name or address in it. */
  readonly name: string
  /** PEM of the authorities that may have signed it; undefined for the system's. */
  readonly ca: readonly string[] | undefined
}
