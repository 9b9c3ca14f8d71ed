import * as z from 'zod'

/** A folder of a bucket. `prefix` is empty or ends in a slash; object keys are told relative to it. */
export type Location =
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'gcs'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'azure'; readonly account: string; readonly container: string; readonly prefix: string }

const bucketPattern = /^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/
const accountPattern = /^[a-z0-9]{3,24}$/
const containerPattern = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/

const forms = 'write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azure://ACCOUNT/CONTAINER/PREFIX'

/** Where a job reads or writes, as text: `s3://bucket/models`, `gs://bucket`, `azure://account/container/models`. */
export const locationSchema = z
  .string()
  .max(1_024)
  .refine(text => parseLocation(text) !== undefined, { error: `not a location: ${forms}` })

/** undefined when the text is none. */
export function parseLocation(text: string): Location | undefined {
  const [, scheme, rest] = /^(s3|gs|azure):\/\/(.+)$/s.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return undefined
  const [first = '', ...others] = rest.split('/')
  if (scheme === 'azure') {
    const [container = '', ...folders] = others
    if (!accountPattern.test(first) || !containerPattern.test(container)) return undefined
    const prefix = prefixOf(folders)
    return prefix === undefined ? undefined : { kind: 'azure', account: first, container, prefix }
  }
  const prefix = prefixOf(others)
  if (!bucketPattern.test(first) || prefix === undefined) return undefined
  return { kind: scheme === 's3' ? 's3' : 'gcs', bucket: first, prefix }
}

function prefixOf(folders: readonly string[]): string | undefined {
  const given = folders.at(-1) === '' ? folders.slice(0, -1) : folders
  if (given.some(folder => folder === '' || folder === '.' || folder === '..')) return undefined
  return given.length === 0 ? '' : `${given.join('/')}/`
}

/** Do two locations share objects? Then one can't be the other's copy. */
export function overlap(one: Location, other: Location): boolean {
  return (
    containerOf(one) === containerOf(other) &&
    (one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix))
  )
}

/** The location's bucket, without its folder. */
function containerOf(location: Location): string {
  if (location.kind === 'azure') return `azure://${location.account}/${location.container}`
  return `${location.kind === 's3' ? 's3' : 'gs'}://${location.bucket}`
}
