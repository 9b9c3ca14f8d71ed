import { destination } from 'pino'

export interface LogLines {
  write(line: string): void
}

let standardOutput: LogLines | undefined

/**
 * Standard output, written once for all lines of a turn of the event loop: a system call for each line costs a busy
 * service more than making the line. What is pending when the process ends is written then.
 */
export function logLines(): LogLines {
  standardOutput ??= open()
  return standardOutput
}

function open(): LogLines {
  // Still synchronous, so that lines stay in order and none waits for more than the turn.
  const output = destination({ fd: 1, sync: true, minLength: 8192 })
  let isPending = false
  const flush = () => {
    isPending = false
    output.flushSync()
  }
  process.on('exit', flush)
  return {
    write(line) {
      output.write(line)
      if (isPending) return
      isPending = true
      setImmediate(flush)
    },
  }
}
