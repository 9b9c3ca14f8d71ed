import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import type { Server } from 'node:net'

/** Has a server listen on a unix socket that only this user may connect to, in place of one that a dead process left. */
export async function listenOnSocket<T extends Server>(server: T, path: string): Promise<T> {
  await rm(path, { force: true })
  server.listen(path)
  await once(server, 'listening')
  await chmod(path, 0o600)
  return server
}
