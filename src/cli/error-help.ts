import {
  catalogueEntry,
  type ErrorCode,
  errorRanges,
  isErrorCode,
} from '../engine/error-catalogue/catalogue.ts'
import type { CatalogueEntry } from '../engine/error-catalogue/entry.ts'
import { wrap } from './views/text.ts'

const owners = {
  operator: 'you, who run mlp',
  'cloud-administrator': 'whoever administers the cloud account',
  'mlp-authors': 'the authors of mlp',
} as const satisfies Record<CatalogueEntry['owner'], string>

/** What `mlp help errors` and `mlp help MLP3001` print; undefined for any other topic. */
export function errorHelp(topic: string, columns: number): string | undefined {
  if (topic === 'errors') return allCodes()
  const code = topic.toUpperCase()
  return isErrorCode(code) ? oneCode(code, columns) : undefined
}

function allCodes(): string {
  const ranges = errorRanges.flatMap(({ digit, name, about, errors }) => [
    '',
    `MLP${digit}xxx  ${name}: ${about}`,
    ...Object.entries(errors).map(([code, { title }]) => `  ${code}  ${title}`),
  ])
  return `${['Errors. `mlp help MLP1001` explains one.', ...ranges].join('\n')}\n`
}

function oneCode(code: ErrorCode, columns: number): string {
  const { title, meaning, owner, retryable, remedy, exitCode } = catalogueEntry(code)
  return `${[
    `${code}: ${title}`,
    '',
    ...wrap(meaning, columns, '  '),
    '',
    'What to do:',
    ...wrap(remedy, columns, '  '),
    '',
    `Who can put it right: ${owners[owner]}`,
    `The same command again: ${retryable ? 'may succeed by itself' : 'ends the same way, until something is changed'}`,
    `Exit code: ${exitCode}`,
  ].join('\n')}\n`
}
