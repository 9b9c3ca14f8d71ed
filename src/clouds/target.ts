import type { CloudName } from './cloud.ts'

/** Endpoints, credentials and environment, nothing more: the only difference between the sandbox and a real cloud. */
export interface Target {
  readonly name: 'sandbox' | 'cloud'
  /** For terraform and the other tools, beside each cloud's own. */
  readonly environment: Readonly<Record<string, string>>
  /** PEM file of an additional certificate authority to trust; undefined for the real clouds. */
  readonly caFile: string | undefined
  readonly clouds: Readonly<Partial<Record<CloudName, CloudTarget>>>
  /** Undefined: github.com, with the operator's own token. */
  readonly github?: GitHubTarget | undefined
}

export interface GitHubTarget {
  /** Base of the REST API, without a slash at its end. */
  readonly apiUrl: string
  /** Where repositories are, for git and for a browser: `<webUrl>/<owner>/<name>`. */
  readonly webUrl: string
  /** For git, and the token as GH_TOKEN where the target has one of its own. */
  readonly environment: Readonly<Record<string, string>>
}

export interface CloudTarget {
  /** Account id, project id or subscription id. */
  readonly account: string
  /** Credentials and endpoint variables under the names the official tools use; empty means the SDK's default chain. */
  readonly environment: Readonly<Record<string, string>>
  /** Base URL per service (`eks`, `container`, `arm` …); empty for the real cloud. */
  readonly endpoints: Readonly<Record<string, string>>
  /** Extra settings of terraform's backend. */
  readonly backend: Readonly<Record<string, string | boolean>>
}
