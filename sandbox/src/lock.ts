import { DatabaseSync } from 'node:sqlite'

/**
 * At most one daemon a home. The lock is SQLite's own on a file: taken in one step, and given back by the system when
 * its holder dies, however it dies. Undefined when another daemon holds it.
 */
export function takeLock(file: string): Disposable | undefined {
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && error.message.includes('locked')) return undefined
    throw error
  }
  return { [Symbol.dispose]: () => database.close() }
}
