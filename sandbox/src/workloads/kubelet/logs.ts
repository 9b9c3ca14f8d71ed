import { open, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

export interface LogRequest {
  readonly follow: boolean
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
}

const followEveryMs = 100
const blockBytes = 64 * 1024

/** What a container has printed: from the last `tailLines` on, and on as it prints while `isRunning` says so. */
export async function* readLog(
  file: string,
  { follow, tailLines, limitBytes }: LogRequest,
  isRunning: () => boolean,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const handle = await open(file, 'r')
  try {
    let at = tailLines === undefined ? 0 : await startOfTail(file, tailLines)
    let left = limitBytes ?? Number.POSITIVE_INFINITY
    const buffer = Buffer.alloc(blockBytes)
    for (;;) {
      // Asked before the read, so that what it printed last is read.
      const goesOn = follow && isRunning() && !signal.aborted
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, left), at)
      if (bytesRead > 0) {
        yield Buffer.from(buffer.subarray(0, bytesRead))
        at += bytesRead
        left -= bytesRead
      } else if (!goesOn) return
      else await delay(followEveryMs, undefined, { signal }).catch(() => undefined)
      if (left <= 0) return
    }
  } finally {
    await handle.close()
  }
}

/** Where the last so many lines begin, read from the end. */
async function startOfTail(file: string, lines: number): Promise<number> {
  const { size } = await stat(file)
  if (lines === 0) return size
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.alloc(blockBytes)
    let found = 0
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - blockBytes)
      const { bytesRead } = await handle.read(buffer, 0, end - start, start)
      for (let index = bytesRead - 1; index >= 0; index--) {
        // The newline at the very end closes the last line.
        if (buffer[index] !== 0x0a || start + index === size - 1) continue
        found += 1
        if (found === lines) return start + index + 1
      }
      end = start
    }
    return 0
  } finally {
    await handle.close()
  }
}
