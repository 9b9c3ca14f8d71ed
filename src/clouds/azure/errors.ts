import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'

const errorAnswer = z.object({
  error: z.object({ code: z.string().default(''), message: z.string().default('') }),
})

/** What Azure Resource Manager answered to a request it refused. */
export interface Refusal {
  readonly status: number
  readonly body: string
  /** 'GET /subscriptions/…' */
  readonly request: string
}

/** ARM's error code, '' when the answer has none. */
export function errorCode(body: string): string {
  return wordsOf(body).code
}

/** An MLP3xxx error for a person, from ARM's error answer. */
export function refusalError(refusal: Refusal): MlpError {
  const { code, message } = wordsOf(refusal.body)
  const detail = `${refusal.request} answered ${refusal.status} ${code}: ${message}`
  if (refusal.status === 401) return credentialsError(detail)
  if (/quota/i.test(code))
    return new MlpError({
      code: 'MLP3004',
      summary: 'Azure refused: a quota of the subscription is used up',
      detail,
      remedy: [
        'Ask for more at https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade, then run the same command again.',
      ],
    })
  if (code === 'SubscriptionNotFound' || code === 'InvalidSubscriptionId')
    return new MlpError({
      code: 'MLP3003',
      summary: 'Azure does not know the subscription, or these credentials may not see it',
      detail,
      remedy: [
        'Check clouds.azure.subscriptionId in mlp.yaml: az account list --output table',
        'mlp login azure',
      ],
    })
  if (refusal.status === 403)
    return new MlpError({
      code: 'MLP3003',
      summary: 'Azure denied permission',
      detail,
      remedy: [
        'mlp doctor --print-policy azure shows the roles that are needed.',
        'mlp assigns roles, so it needs Owner, or Contributor with Role Based Access Control Administrator, on the subscription.',
      ],
    })
  if (refusal.status === 429 || refusal.status === 503)
    return new MlpError({
      code: 'MLP3005',
      summary: 'Azure kept refusing because of too many requests or load',
      detail,
      remedy: ['Wait a few minutes and run the same command again; it goes on where it stopped.'],
    })
  return new MlpError({
    code: 'MLP3006',
    summary: 'Azure refused a request',
    detail,
    remedy: ['Read what Azure says above, change it, and run the same command again.'],
  })
}

/** Turns what the Azure SDK throws into an error for a person; an interrupt and our own errors pass through. */
export function sdkError(error: unknown, request: string): unknown {
  if (!(error instanceof Error) || error instanceof MlpError || error.name === 'AbortError') return error
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : undefined
  if (
    /^(AuthenticationError|CredentialUnavailableError|AggregateAuthenticationError|AuthenticationRequiredError)$/.test(
      error.name,
    )
  )
    return isNetworkError(error)
      ? unreachableError(request, error)
      : credentialsError(firstLines(error.message), error)
  if (status !== undefined) {
    const body = JSON.stringify({
      error: { code: 'code' in error ? String(error.code) : '', message: error.message },
    })
    return refusalError({ status, body, request })
  }
  return isNetworkError(error) ? unreachableError(request, error) : error
}

export function unexpectedAnswerError(request: string, problem: string): MlpError {
  return new MlpError({
    code: 'MLP3007',
    summary: 'Azure answered something unexpected',
    detail: `${request}: ${problem}`,
    remedy: ['Run the same command again; if it stays, report it with the run log.'],
  })
}

export function tookTooLongError(what: string, minutes: number): MlpError {
  return new MlpError({
    code: 'MLP3008',
    summary: `Azure did not finish in ${minutes} minutes: ${what}`,
    remedy: ['Run the same command again; it goes on waiting where it stopped.'],
  })
}

function credentialsError(detail: string, cause?: unknown): MlpError {
  return new MlpError({
    code: 'MLP3001',
    summary: 'Azure does not accept these credentials',
    detail,
    remedy: ['mlp login azure', 'az login'],
    cause,
  })
}

export function unreachableError(request: string, cause: Error): MlpError {
  return new MlpError({
    code: 'MLP3002',
    summary: 'Azure cannot be reached',
    detail: `${request}: ${firstLines(cause.message)}`,
    remedy: [
      'Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY).',
      'For the sandbox: mlp sandbox status, then mlp sandbox start',
    ],
    cause,
  })
}

const networkCodes =
  /\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|REQUEST_SEND_ERROR|network_error|endpoints_resolution_error|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN)\b/

function isNetworkError(error: Error): boolean {
  return networkCodes.test(`${'code' in error ? String(error.code) : ''} ${error.message}`)
}

function firstLines(message: string): string {
  return message.split('\n').slice(0, 3).join(' ')
}

function wordsOf(body: string): { readonly code: string; readonly message: string } {
  try {
    const parsed = errorAnswer.safeParse(JSON.parse(body))
    if (parsed.success) return parsed.data.error
  } catch {
    // Not JSON: a proxy's page, or nothing at all; shown as it is.
  }
  return { code: '', message: body.slice(0, 500) }
}
