import type { ViewKind } from './view.ts'

export interface Surroundings {
  readonly isTty: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

/**
 * Which view fits: NDJSON when asked for; redrawn tasks on a terminal that can; plain lines everywhere else (a pipe, CI,
 * TERM=dumb, and ACCESSIBLE=1, because a screen reader reads a redrawn line again and again).
 */
export function chooseView(options: { readonly json: boolean }, around: Surroundings): ViewKind {
  if (options.json) return 'ndjson'
  const { env } = around
  const plain = !around.isTty || isSet(env['CI']) || env['TERM'] === 'dumb' || isSet(env['ACCESSIBLE'])
  return plain ? 'lines' : 'tasks'
}

/** `--no-color` > `--color` > NO_COLOR > FORCE_COLOR > a terminal that is not dumb. `flag` is undefined when not given. */
export function chooseColour(flag: boolean | undefined, around: Surroundings): boolean {
  if (flag !== undefined) return flag
  const { env } = around
  // https://no-color.org: present and not empty, whatever it says.
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return false
  if (env['FORCE_COLOR'] !== undefined) return isSet(env['FORCE_COLOR'])
  return around.isTty && env['TERM'] !== 'dumb'
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false'
}
