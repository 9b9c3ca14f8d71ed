import type { Output } from '../io.ts'
import type { View } from './view.ts'

/**
 * One JSON object a line. Within `ui` 1.x fields and types may be added, and readers ignore what they do not know;
 * anything else is 2.0.
 */
export function ndjsonView(stdout: Output, mlpVersion: string, now: () => Date): View {
  const write = (value: object): void => {
    stdout.write(`${JSON.stringify(value)}\n`)
  }
  write({ at: now().toISOString(), type: 'version', ui: '1.0', mlp: mlpVersion })
  return {
    emit: write,
    pause: () => () => undefined,
    close: async () => undefined,
  }
}
