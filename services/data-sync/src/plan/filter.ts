import picomatch from 'picomatch'
import * as z from 'zod'

export const filterSchema = z.object({
  include: z.array(globSchema()).max(100).default([]),
  exclude: z.array(globSchema()).max(100).default([]),
})
export type Filter = z.infer<typeof filterSchema>

function globSchema() {
  return z
    .string()
    .min(1)
    .max(256)
    .refine(glob => !glob.startsWith('/'), { error: 'keys have no leading slash' })
}

/** Which keys a job touches: those that any include names (all, without one) and no exclude does. */
export function createFilter({ include, exclude }: Filter): (key: string) => boolean {
  const included = include.map(expression)
  const excluded = exclude.map(expression)
  return key =>
    (included.length === 0 || included.some(glob => glob.test(key))) && !excluded.some(glob => glob.test(key))
}

/** `*` within a folder, `**` across folders, `?`, `[a-z]`, `{a,b}`; a leading dot is nothing special. */
function expression(glob: string): RegExp {
  return picomatch.makeRe(glob, { dot: true, nonegate: true, noextglob: true, flags: 's' })
}

/**
 * Can all three stores hold this key? S3 limits it to 1,024 bytes; URLs swallow `.` and `..` folders; control
 * characters do not survive XML; a trailing slash is a folder's marker, and an object to some stores only.
 */
export function isPortable(key: string): boolean {
  return (
    key !== '' &&
    Buffer.byteLength(key) <= 1_024 &&
    key.isWellFormed() &&
    !/\p{Cc}/u.test(key) &&
    !key.split('/').some(folder => folder === '.' || folder === '..' || folder === '')
  )
}
