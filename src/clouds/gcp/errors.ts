import * as z from 'zod'
import { MlpError } from '../../engine/errors.ts'
import { parseJson } from '../../engine/json.ts'

const errorAnswer = z.object({
  error: z.union([
    z.object({
      message: z.string().default(''),
      status: z.string().optional(),
      errors: z.array(z.object({ reason: z.string().optional() })).default([]),
    }),
    z.string(),
  ]),
  error_description: z.string().optional(),
})

/** What Google answered to a request it refused. */
export interface Refusal {
  readonly status: number
  readonly body: string
  /** `sqladmin`, `container`: what the operator knows the service by. */
  readonly service: string
  readonly request: string
}

/** An MLP3xxx error for a person, from Google's error answer (https://cloud.google.com/apis/design/errors). */
export function refusalError(refusal: Refusal): MlpError {
  const { message, reason } = wordsOf(refusal.body)
  const detail = `${refusal.request} answered ${refusal.status}: ${message}`
  const of = `Google Cloud's ${refusal.service} API`
  if (refusal.status === 401 || reason === 'invalid_grant') return credentialsError(detail)
  if (/quota|RESOURCE_EXHAUSTED/i.test(reason) && refusal.status !== 429) {
    return new MlpError({
      code: 'MLP3004',
      summary: `${of} refused: a quota of the project is used up`,
      detail,
      remedy: [
        'Ask for more at https://console.cloud.google.com/iam-admin/quotas, then run the same command again.',
      ],
    })
  }
  if (refusal.status === 403 && reason === 'accessNotConfigured') {
    return new MlpError({
      code: 'MLP3009',
      summary: `${of} is not enabled in the project`,
      detail,
      remedy: ['mlp phase 1 --cloud gcp', `gcloud services enable ${refusal.service}.googleapis.com`],
    })
  }
  if (refusal.status === 403) {
    return new MlpError({
      code: 'MLP3003',
      summary: `${of} denied permission`,
      detail,
      remedy: [
        'mlp doctor --print-policy gcp shows the roles that are needed.',
        'Check that projectId in mlp.yaml is the project you mean: gcloud config get-value project',
      ],
    })
  }
  if (refusal.status === 429 || refusal.status === 503) {
    return new MlpError({
      code: 'MLP3005',
      summary: `${of} kept refusing because of too many requests or load`,
      detail,
      remedy: ['Wait a few minutes and run the same command again; it goes on where it stopped.'],
    })
  }
  return new MlpError({
    code: 'MLP3006',
    summary: `${of} refused a request`,
    detail,
    remedy: ['Read what Google says above, change it, and run the same command again.'],
  })
}

export function credentialsError(detail: string, cause?: unknown): MlpError {
  return new MlpError({
    code: 'MLP3001',
    summary: 'Google Cloud does not accept these credentials',
    detail,
    remedy: ['mlp login gcp', 'gcloud auth application-default login'],
    cause,
  })
}

export function unreachableError(url: URL, cause: unknown): MlpError {
  return new MlpError({
    code: 'MLP3002',
    summary: `Google Cloud cannot be reached at ${url.host}`,
    detail: reasonOf(cause),
    remedy: [
      'Check the network and the proxy settings (HTTPS_PROXY, NO_PROXY).',
      'For the sandbox: mlp sandbox status, then mlp sandbox start',
    ],
    cause,
  })
}

export function unexpectedAnswerError(service: string, request: string, problem: string): MlpError {
  return new MlpError({
    code: 'MLP3007',
    summary: `Google Cloud's ${service} API answered something unexpected`,
    detail: `${request}: ${problem}`,
    remedy: ['Run the same command again; if it stays, report it with the run log.'],
  })
}

/** fetch hides the reason one level down. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

function wordsOf(body: string): { readonly message: string; readonly reason: string } {
  const parsed = errorAnswer.safeParse(parseJson(body))
  if (!parsed.success) return { message: body.slice(0, 500), reason: '' }
  const { error, error_description: description } = parsed.data
  if (typeof error === 'string') return { message: description ?? error, reason: error }
  return { message: error.message, reason: error.errors[0]?.reason ?? error.status ?? '' }
}
