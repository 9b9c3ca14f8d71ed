import { RestError } from '@azure/storage-blob'
import { kindOfStatus, retryAfterMs, StoreError, type StoreErrorKind } from './store-error.ts'

/** https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes: where the status says too little. */
const kinds: Readonly<Record<string, StoreErrorKind>> = {
  Md5Mismatch: 'corrupt',
  ServerBusy: 'throttled',
  InvalidBlockList: 'upload-gone',
  OperationTimedOut: 'unavailable',
}

/** For `catch`: the SDK's error as a StoreError. */
export function azureError(what: string): (error: unknown) => never {
  return error => {
    if (error instanceof Error && error.name.startsWith('Credential'))
      throw new StoreError('denied', `${what}: ${error.message}`, { cause: error })
    if (!(error instanceof RestError))
      throw new StoreError('unavailable', `${what}: ${String(error)}`, { cause: error })
    const kind = kinds[error.code ?? ''] ?? kindOfStatus(error.statusCode)
    const wait = retryAfterMs(error.response?.headers.get('retry-after'))
    const reason = error.message.split('\n')[0]
    throw new StoreError(kind, `${what}: ${error.code ?? error.statusCode ?? ''} ${reason}`, {
      cause: error,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    })
  }
}
