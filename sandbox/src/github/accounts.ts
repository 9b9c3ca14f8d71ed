import { createHash } from 'node:crypto'
import { now } from './hub.ts'
import type { Account, Records } from './records.ts'

/** Whom the sandbox's own token belongs to: owner of every organization but the one below. */
export const operatorLogin = 'mlp-operator'
/** An organization that is there and belongs to somebody else. */
export const foreignOrganization = 'somebody-else'
/** Names that begin so belong to nobody. */
const nobody = /^nobody(-|$)/
const validLogin = /^[a-z\d](?:[a-z\d]|-(?=[a-z\d])){0,38}(\[bot\])?$/i

/** A person, made when first asked for: on the real one, there is somebody for nearly every name. */
export function user(records: Records, login: string): Account | undefined {
  return account(records, login, 'User')
}

/** An organization: a name that is not yet a person's. */
export function organization(records: Records, login: string): Account | undefined {
  const found = account(records, login, 'Organization')
  return found?.type === 'Organization' ? found : undefined
}

export function accountById(records: Records, id: number): Account | undefined {
  return records.accounts.list().find(one => one.id === id)
}

function account(records: Records, login: string, type: Account['type']): Account | undefined {
  if (nobody.test(login) || !validLogin.test(login)) return undefined
  const known = records.accounts.get(login.toLowerCase())
  if (known !== undefined) return known
  const created: Account = {
    id: idOf(login),
    login,
    type: login === foreignOrganization ? 'Organization' : login === operatorLogin ? 'User' : type,
    createdAt: now(),
  }
  return records.accounts.put(login.toLowerCase(), created)
}

/** The same for the same name in every sandbox; a person's id has nothing to do with it on the real one. */
function idOf(login: string): number {
  return (
    20_000_000 + (createHash('sha256').update(login.toLowerCase()).digest().readUInt32BE(0) % 200_000_000)
  )
}
