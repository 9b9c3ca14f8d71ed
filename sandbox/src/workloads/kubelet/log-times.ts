import { type FSWatcher, watch } from 'node:fs'
import { appendFile, readFile, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** A container writes its log itself, so that it needs nobody to; when a line came is noted beside it. */
interface Moment {
  /** So many bytes were there … */
  readonly bytes: number
  /** … at this time, in epoch milliseconds. */
  readonly at: number
}

/** Notes at most so often; lines that come together share a time. */
const everyMs = 20

/** Notes when a log grows, until the signal ends it. What grew while nobody looked has the time of its last change. */
export function noteLogTimes(file: string, signal: AbortSignal): void {
  let known = -1
  let [isLooking, again] = [false, false]
  const look = async (first: boolean): Promise<void> => {
    const found = await stat(file).catch(() => undefined)
    if (found === undefined || found.size === known) return
    known = found.size
    const at = first ? Math.round(found.mtimeMs) : Date.now()
    await appendFile(timesFile(file), `${found.size} ${at}\n`, { mode: 0o600 }).catch(() => undefined)
  }
  const changed = async (first = false): Promise<void> => {
    again = true
    if (isLooking) return
    isLooking = true
    while (again) {
      again = false
      await look(first)
      await delay(everyMs)
    }
    isLooking = false
  }
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(file, () => void changed())
    watcher.on('error', () => watcher?.close())
  } catch {
    // It is gone already.
  }
  void changed(true)
  signal.addEventListener(
    'abort',
    () => {
      watcher?.close()
      void changed()
    },
    { once: true },
  )
}

export interface LogTimes {
  /** When the byte before this offset had come, in epoch milliseconds. */
  timeOf(offset: number): number
}

export async function readLogTimes(file: string): Promise<LogTimes> {
  let moments: readonly Moment[] = []
  const text = await readFile(timesFile(file), 'utf8').catch(() => '')
  moments = text
    .split('\n')
    .map(line => line.split(' ').map(Number))
    .flatMap(([bytes, at]) => (bytes === undefined || at === undefined ? [] : [{ bytes, at }]))
  return {
    timeOf(offset) {
      let [low, high] = [0, moments.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((moments[middle]?.bytes ?? 0) < offset) low = middle + 1
        else high = middle
      }
      return moments[low]?.at ?? Date.now()
    },
  }
}

export function timesFile(file: string): string {
  return `${file}.times`
}
