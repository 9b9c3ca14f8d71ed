/** One request and its answer, as they were on the wire. */
export interface Exchange {
  readonly cloud: 'aws' | 'gcp' | 'azure'
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly requestBody: string
  readonly status: number
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly responseBody: string
}

export interface Verdict {
  /** What was asked: `aws eks DescribeCluster`. */
  readonly subject: string
  /** Undefined where the cloud publishes no model of it. */
  readonly mistakes: readonly string[] | undefined
}
