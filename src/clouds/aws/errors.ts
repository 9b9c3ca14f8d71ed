import { MlpError } from '../../engine/errors.ts'

interface Kind {
  readonly code: 'MLP3001' | 'MLP3002' | 'MLP3003' | 'MLP3004' | 'MLP3005'
  readonly pattern: RegExp
  readonly summary: string
  readonly remedy: readonly string[]
}

// Error names as the services send them: https://docs.aws.amazon.com/IAM/latest/UserGuide/CommonErrors.html and the SDK's own.
const kinds: readonly Kind[] = [
  {
    code: 'MLP3001',
    pattern:
      /^(ExpiredToken|ExpiredTokenException|RequestExpired|RequestTimeTooSkewed|InvalidClientTokenId|UnrecognizedClientException|AuthFailure|SignatureDoesNotMatch|InvalidSignatureException|InvalidAccessKeyId|MissingAuthenticationToken\w*|CredentialsProviderError|TokenProviderError|InvalidToken)$/,
    summary: 'AWS refused the credentials, or there are none',
    remedy: [
      'Run `mlp login aws` (or `aws sso login`), then the same command again.',
      'Check that AWS_PROFILE and the AWS_* variables mean the account in mlp.yaml, and that the clock is right.',
    ],
  },
  {
    code: 'MLP3003',
    pattern:
      /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|AuthorizationError\w*|Forbidden|403)$/,
    summary: 'AWS denied it: the identity lacks a permission',
    remedy: ['Give the identity what `mlp doctor --print-policy aws` prints.'],
  },
  {
    code: 'MLP3005',
    pattern:
      /^(Throttl\w*|RequestLimitExceeded|RequestThrottled\w*|TooManyRequestsException|429|SlowDown|BandwidthLimitExceeded|ProvisionedThroughputExceededException)$/,
    summary: 'AWS kept throttling after every retry',
    remedy: ['Wait a minute, then run the same command again; it continues where it stopped.'],
  },
  {
    code: 'MLP3004',
    pattern: /(LimitExceeded|QuotaExceeded|InsufficientCapacity|InsufficientInstanceCapacity)/,
    summary: 'AWS has no quota or capacity for it',
    remedy: ['Ask for a higher quota in Service Quotas, or choose another size or region in mlp.yaml.'],
  },
  {
    code: 'MLP3002',
    pattern:
      /^(TimeoutError|NetworkingError|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EPROTO|CERT_\w+|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|ERR_TLS_CERT_ALTNAME_INVALID)$/,
    summary: 'AWS cannot be reached',
    remedy: [
      'Check the network and any proxy; on the sandbox, `mlp sandbox status` says whether it runs.',
      'Then run the same command again.',
    ],
  },
]

/** What AWS said, as something a person can act on. `what` completes "while …". An interrupt passes unchanged. */
export function awsError(error: unknown, what: string): unknown {
  if (error instanceof MlpError || isAbort(error)) return error
  const names = namesOf(error)
  const kind = kinds.find(candidate => names.some(name => candidate.pattern.test(name)))
  const said = error instanceof Error ? `${names[0] ?? error.name}: ${error.message}` : String(error)
  return new MlpError({
    code: kind?.code ?? 'MLP3006',
    summary: `${kind?.summary ?? 'AWS answered with an error'}, while ${what}`,
    detail: said,
    remedy: kind?.remedy ?? ['Read what AWS says above; then run the same command again.'],
    cause: error,
  })
}

/** Whether AWS says that the thing is not there. */
export function isNotFound(error: unknown): boolean {
  return namesOf(error).some(name => /NotFound|^NoSuch|^404$|NonExistent/.test(name))
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** The service's error code, the SDK's class name and the socket's code, most telling first. */
export function namesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return []
  const code = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const service = 'Code' in error && typeof error.Code === 'string' ? [error.Code] : []
  const below = error.cause instanceof Error ? namesOf(error.cause) : []
  const gathered = error instanceof AggregateError ? error.errors.flatMap(namesOf) : []
  // The answer to a HEAD has no body to name an error in.
  const status = statusOf(error)
  return [...service, ...code, error.name, ...gathered, ...below, ...(status === undefined ? [] : [status])]
}

function statusOf(error: Error): string | undefined {
  if (!('$metadata' in error) || typeof error.$metadata !== 'object' || error.$metadata === null)
    return undefined
  const { $metadata: metadata } = error
  return 'httpStatusCode' in metadata ? String(metadata.httpStatusCode) : undefined
}
