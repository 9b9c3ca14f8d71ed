/** One entry of `errors` in a 422. */
export interface FieldError {
  readonly resource: string
  readonly field?: string
  readonly code: 'missing' | 'missing_field' | 'invalid' | 'already_exists' | 'unprocessable' | 'custom'
  readonly message?: string
}

/** A refusal in GitHub's words. https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api */
export class GithubError extends Error {
  readonly status: number
  readonly errors: readonly (FieldError | string)[] | undefined
  readonly headers: Readonly<Record<string, string>>
  constructor(
    status: number,
    message: string,
    more: {
      readonly errors?: readonly (FieldError | string)[]
      readonly headers?: Record<string, string>
    } = {},
  ) {
    super(message)
    this.name = 'GithubError'
    this.status = status
    this.errors = more.errors
    this.headers = more.headers ?? {}
  }
}

/** What is not there, and what somebody may not see. */
export function notFound(): GithubError {
  return new GithubError(404, 'Not Found')
}

export function invalid(...errors: readonly (FieldError | string)[]): GithubError {
  return new GithubError(422, 'Validation Failed', { errors })
}
