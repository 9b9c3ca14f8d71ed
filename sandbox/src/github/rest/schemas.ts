import type { components } from '@octokit/openapi-types'

/** The types of GitHub's own published description of its API. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name]
