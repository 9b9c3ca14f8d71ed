import { readFile } from 'node:fs/promises'
import { SettingsError } from '@mlp/service-kit/settings'

export interface WatchedFile<Content> extends Disposable {
  /** As last read and found valid. */
  readonly current: Content
}

export interface WatchOptions<Content> {
  readonly path: string
  readonly everyMs: number
  /** Throws when the text is not valid. */
  parse(text: string): Content
  /** Called with what has just become current. */
  onChange(content: Content): void
  /** The file is missing or not valid; what was valid stays current. */
  onError(error: unknown): void
}

/**
 * Keeps the content of a file that may change. It is read again and again rather than watched: Kubernetes changes a
 * mounted ConfigMap or Secret by swapping a link above it, which watches of the file do not see.
 * @throws SettingsError when the file cannot be read at first, and what `parse` throws
 */
export async function watchFile<Content>({
  path,
  everyMs,
  parse,
  onChange,
  onError,
}: WatchOptions<Content>): Promise<WatchedFile<Content>> {
  let text = await readText(path)
  let current = parse(text)
  let reading = false
  let lastProblem: string | undefined
  const timer = setInterval(async () => {
    if (reading) return
    reading = true
    try {
      const next = await readText(path)
      if (next !== text) {
        text = next
        current = parse(next)
        onChange(current)
      }
      lastProblem = undefined
    } catch (error) {
      // Once for each problem, not with every look at it.
      if (String(error) !== lastProblem) onError(error)
      lastProblem = String(error)
    } finally {
      reading = false
    }
  }, everyMs)
  timer.unref()
  return {
    get current() {
      return current
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** @throws SettingsError naming the file */
export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new SettingsError([`${path}: ${error instanceof Error && 'code' in error ? error.code : error}`])
  }
}
