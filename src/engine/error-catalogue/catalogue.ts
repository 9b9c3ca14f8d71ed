import { cloudErrors } from './clouds.ts'
import { clusterErrors } from './cluster.ts'
import { configurationErrors } from './configuration.ts'
import { deliveryErrors } from './delivery.ts'
import type { CatalogueEntry } from './entry.ts'
import { internalErrors } from './internal.ts'
import { platformErrors } from './platform.ts'
import { toolErrors } from './tools.ts'

/** The first digit of a code says what it is about. */
export const errorRanges = [
  { digit: 1, name: 'Configuration', about: 'mlp.yaml and the command line', errors: configurationErrors },
  { digit: 2, name: 'Tools', about: 'programs that mlp runs, terraform among them', errors: toolErrors },
  { digit: 3, name: 'Clouds', about: 'the APIs of AWS, Google Cloud and Azure', errors: cloudErrors },
  { digit: 4, name: 'Cluster', about: 'Kubernetes and kubeconfigs', errors: clusterErrors },
  {
    digit: 5,
    name: 'Platform',
    about: 'consent, the sandbox, state, locks, steps and the pipeline',
    errors: { ...platformErrors, ...deliveryErrors },
  },
  { digit: 9, name: 'Internal', about: 'mistakes of mlp itself', errors: internalErrors },
] as const

const catalogue = {
  ...configurationErrors,
  ...toolErrors,
  ...cloudErrors,
  ...clusterErrors,
  ...platformErrors,
  ...deliveryErrors,
  ...internalErrors,
}

/** Every code there is; one that is not in the catalogue does not compile. */
export type ErrorCode = keyof typeof catalogue

export function catalogueEntry(code: ErrorCode): CatalogueEntry {
  return catalogue[code]
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(catalogue, text)
}
