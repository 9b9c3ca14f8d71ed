import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

export interface JobLog {
  /** One line, with its time, and `***` in place of what is secret. */
  write(line: string): void
  /** Hides a value from here on. */
  mask(value: string): void
  masked(text: string): string
}

export function openJobLog(file: string, secrets: readonly string[]): JobLog {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const hidden = new Set<string>()
  const mask = (value: string) => {
    // Each line of a long one by itself, since lines are what is written.
    for (const part of [value, ...value.split(/\r?\n/)]) if (part.trim() !== '') hidden.add(part)
  }
  for (const secret of secrets) mask(secret)
  const masked = (text: string) =>
    [...hidden]
      .sort((one, other) => other.length - one.length)
      .reduce((shown, value) => shown.replaceAll(value, '***'), text)
  return {
    mask,
    masked,
    write(line) {
      const at = new Date().toISOString().replace('Z', '0000Z')
      appendFileSync(
        file,
        `${masked(line)
          .split('\n')
          .map(one => `${at} ${one}`)
          .join('\n')}\n`,
        { mode: 0o600 },
      )
    },
  }
}
