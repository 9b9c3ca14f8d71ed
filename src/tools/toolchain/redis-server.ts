import { delimiter } from 'node:path'
import { firstOnPath } from './found-on-path.ts'

/** Redis or Valkey, where the machine has one; also where system packages put it, which not every PATH names. */
export async function findRedisServer(path = ''): Promise<string | undefined> {
  for (const folder of [...path.split(delimiter), '/usr/bin', '/usr/local/bin'])
    for (const name of ['redis-server', 'valkey-server']) {
      const found = await firstOnPath(name, folder)
      if (found !== undefined) return found
    }
  return undefined
}
