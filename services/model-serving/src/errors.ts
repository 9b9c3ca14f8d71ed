/** Why a request was not served, whatever the transport: HTTP and gRPC each have a word for every one. */
export type Refusal =
  | 'invalid-request'
  | 'unknown-model'
  | 'model-not-ready'
  | 'rejected-by-model'
  | 'not-representable'
  | 'overloaded'
  | 'cancelled'
  | 'forbidden'

/** A refusal whose message is for the caller. Anything else that is thrown is a bug or a broken model. */
export class RequestRefused extends Error {
  readonly reason: Refusal
  /** Seconds after which it is worth asking again. */
  readonly retryAfterSeconds: number | undefined

  constructor(reason: Refusal, message: string, retryAfterSeconds?: number) {
    super(message)
    this.name = 'RequestRefused'
    this.reason = reason
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export function invalid(message: string): RequestRefused {
  return new RequestRefused('invalid-request', message)
}
