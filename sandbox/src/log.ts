import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

const largestBytes = 5 << 20

/** Appends lines with their time; keeps one earlier file, so that the log takes at most 10 MiB. */
export function openLog(file: string): (message: string) => void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  let size = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  return message => {
    const line = `${new Date().toISOString()} ${message}\n`
    if (size + line.length > largestBytes) {
      renameSync(file, `${file}.1`)
      size = 0
    }
    appendFileSync(file, line, { mode: 0o600 })
    size += line.length
  }
}
