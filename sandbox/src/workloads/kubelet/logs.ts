import { open, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { readLogTimes } from './log-times.ts'

export interface LogRequest {
  readonly follow: boolean
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
  /** Each line begins with its time. */
  readonly timestamps: boolean
  /** Lines from this time on, in epoch milliseconds. */
  readonly since: number | undefined
}

const followEveryMs = 100
const blockBytes = 64 * 1024

/** What a container has printed: from the last `tailLines` on, and on as it prints while `isRunning` says so. */
export async function* readLog(
  file: string,
  request: LogRequest,
  isRunning: () => boolean,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  let left = request.limitBytes ?? Number.POSITIVE_INFINITY
  const blocks = readBlocks(file, request, isRunning, signal)
  const wanted =
    request.timestamps || request.since !== undefined
      ? linesWithTimes(file, request, blocks)
      : bytesOf(blocks)
  for await (const bytes of wanted) {
    yield bytes.subarray(0, left)
    left -= bytes.length
    if (left <= 0) return
  }
}

interface Block {
  /** Where in the file it begins. */
  readonly at: number
  readonly bytes: Buffer
}

async function* bytesOf(blocks: AsyncIterable<Block>): AsyncIterable<Buffer> {
  for await (const { bytes } of blocks) yield bytes
}

async function* readBlocks(
  file: string,
  { follow, tailLines }: LogRequest,
  isRunning: () => boolean,
  signal: AbortSignal,
): AsyncIterable<Block> {
  const handle = await open(file, 'r')
  try {
    let at = tailLines === undefined ? 0 : await startOfTail(file, tailLines)
    const buffer = Buffer.alloc(blockBytes)
    for (;;) {
      // Asked before the read, so that what it printed last is read.
      const goesOn = follow && isRunning() && !signal.aborted
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
      if (bytesRead > 0) {
        yield { at, bytes: Buffer.from(buffer.subarray(0, bytesRead)) }
        at += bytesRead
      } else if (!goesOn) return
      else await delay(followEveryMs, undefined, { signal }).catch(() => undefined)
    }
  } finally {
    await handle.close()
  }
}

async function* linesWithTimes(
  file: string,
  { timestamps, since }: LogRequest,
  blocks: AsyncIterable<Block>,
): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const { at, bytes } of blocks) {
    const times = await readLogTimes(file)
    const start = at - rest.length
    const all = Buffer.concat([rest, bytes])
    let from = 0
    const lines: Buffer[] = []
    for (let end = all.indexOf(0x0a); end >= 0; end = all.indexOf(0x0a, from)) {
      const time = times.timeOf(start + end + 1)
      if (since === undefined || time >= since) {
        if (timestamps) lines.push(Buffer.from(`${nanoseconds(time)} `))
        lines.push(all.subarray(from, end + 1))
      }
      from = end + 1
    }
    rest = all.subarray(from)
    if (lines.length > 0) yield Buffer.concat(lines)
  }
  if (rest.length > 0)
    yield timestamps ? Buffer.concat([Buffer.from(`${nanoseconds(Date.now())} `), rest]) : rest
}

/** RFC 3339 with nanoseconds, as the kubelet writes it. */
export function nanoseconds(time: number): string {
  return new Date(time).toISOString().replace('Z', '000000Z')
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
