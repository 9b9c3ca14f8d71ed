import { isObject } from './attributes.ts'
import { parseJson } from './naming.ts'

/** The grammar every AWS policy document shares: a Version and statements with an Effect and something they allow. */
export function isPolicyDocument(document: string): boolean {
  const parsed = parseJson(document)
  if (!isObject(parsed)) return false
  const { Version: version, Statement: statement } = parsed
  if (version !== '2012-10-17' && version !== '2008-10-17') return false
  const statements = Array.isArray(statement) ? statement : [statement]
  return (
    statements.length > 0 &&
    statements.every(
      item =>
        isObject(item) &&
        (item['Effect'] === 'Allow' || item['Effect'] === 'Deny') &&
        ('Action' in item || 'NotAction' in item),
    )
  )
}
