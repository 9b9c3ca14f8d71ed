import { StringDecoder } from 'node:string_decoder'

export interface Consumer {
  write(chunk: Buffer): void
  /** What came after the last line break. */
  end(): void
}

/**
 * Cuts a stream of bytes into lines, without their line breaks. A line longer than `longestLine` characters is given
 * in pieces: a tool that never breaks a line must not fill the memory.
 */
export function splitLines(onLine: (line: string) => void, longestLine = 8 * 1024 * 1024): Consumer {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const take = (text: string): void => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    if (rest.length > longestLine) {
      onLine(rest)
      rest = ''
    }
  }
  return {
    write: chunk => take(decoder.write(chunk)),
    end: () => {
      take(decoder.end())
      if (rest !== '') onLine(rest)
      rest = ''
    },
  }
}

export interface Capture {
  write(chunk: Buffer): void
  /** All of it, or its head and tail around a line that says how many bytes are missing. */
  text(): string
  readonly truncated: boolean
}

/** Keeps what was written up to `limitBytes`; beyond that the first half and the last half of the limit. */
export function captureHeadAndTail(limitBytes: number): Capture {
  const half = Math.floor(limitBytes / 2)
  const head: Buffer[] = []
  const tail: Buffer[] = []
  let headBytes = 0
  let tailBytes = 0
  let droppedBytes = 0
  return {
    write(chunk) {
      const forHead = chunk.subarray(0, half - headBytes)
      if (forHead.length > 0) head.push(forHead)
      headBytes += forHead.length
      const forTail = chunk.subarray(forHead.length)
      if (forTail.length === 0) return
      tail.push(forTail)
      tailBytes += forTail.length
      for (let first = tail[0]; first !== undefined && tailBytes > half; first = tail[0]) {
        const excess = Math.min(first.length, tailBytes - half)
        if (excess === first.length) tail.shift()
        else tail[0] = first.subarray(excess)
        tailBytes -= excess
        droppedBytes += excess
      }
    },
    text() {
      if (droppedBytes === 0) return Buffer.concat([...head, ...tail]).toString('utf8')
      const gap = `\n[... ${droppedBytes} bytes left out ...]\n`
      return `${Buffer.concat(head).toString('utf8')}${gap}${Buffer.concat(tail).toString('utf8')}`
    },
    get truncated() {
      return droppedBytes > 0
    },
  }
}
