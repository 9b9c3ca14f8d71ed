/**
 * `node src/new-key.ts FILE` writes a new API key to FILE, which only its owner may read, and prints what of it goes
 * into the gateway's key file. The key itself is never printed.
 */
import { writeFile } from 'node:fs/promises'
import { stringify } from 'yaml'
import { createApiKey } from './authentication/api-keys.ts'

const [file, ...rest] = process.argv.slice(2)
if (file === undefined || rest.length > 0) {
  process.stderr.write('usage: node src/new-key.ts FILE\n')
  process.exitCode = 2
} else {
  const { key, ...entry } = createApiKey()
  try {
    await writeFile(file, `${key}\n`, { mode: 0o600, flag: 'wx' })
    process.stdout.write(stringify([entry]))
  } catch (error) {
    process.stderr.write(`The key was not written: ${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}
