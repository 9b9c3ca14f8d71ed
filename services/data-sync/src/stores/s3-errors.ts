import { S3ServiceException } from '@aws-sdk/client-s3'
import { kindOfStatus, retryAfterMs, StoreError, type StoreErrorKind } from './store-error.ts'

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: codes that say more than their status. */
const kinds: Readonly<Record<string, StoreErrorKind>> = {
  NoSuchUpload: 'upload-gone',
  NoSuchKey: 'not-found',
  BadDigest: 'corrupt',
  XAmzContentChecksumMismatch: 'corrupt',
  XAmzContentSHA256Mismatch: 'corrupt',
  IncompleteBody: 'unavailable',
  RequestTimeout: 'unavailable',
  SlowDown: 'throttled',
  RequestTimeTooSkewed: 'denied',
  AuthorizationHeaderMalformed: 'unavailable',
}

/** For `catch`: the SDK's error as a StoreError. */
export function s3Error(what: string): (error: unknown) => never {
  return error => {
    if (!(error instanceof S3ServiceException)) {
      const reason = error instanceof Error ? error.message : String(error)
      const unknown = error instanceof Error && error.name === 'CredentialsProviderError'
      throw new StoreError(unknown ? 'denied' : 'unavailable', `${what}: ${reason}`, { cause: error })
    }
    const kind = kinds[error.name] ?? kindOfStatus(error.$metadata.httpStatusCode)
    const wait = retryAfterMs(error.$response?.headers['retry-after'])
    throw new StoreError(kind, `${what}: ${error.name}: ${error.message}`, {
      cause: error,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    })
  }
}

/** An answer that is not 2xx, as it came over the wire. */
export function s3Failure(what: string, status: number, retryAfter: string, text: string): StoreError {
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? `status ${status}`
  const message = /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? text.slice(0, 200)
  const wait = retryAfterMs(retryAfter)
  // What moved is found again by another attempt.
  const kind = status < 400 ? 'unavailable' : (kinds[code] ?? kindOfStatus(status))
  return new StoreError(
    kind,
    `${what}: ${code}: ${message}`,
    wait === undefined ? {} : { retryAfterMs: wait },
  )
}
