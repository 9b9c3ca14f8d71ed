import { setTimeout as delay } from 'node:timers/promises'

const attempts = 4
const firstDelayMs = 300
const requestTimeoutMs = 15_000

export interface Answered {
  readonly status: number
  readonly body: string
}

/**
 * Asks something that changes nothing, again while the answer is overload, a server's error or none at all. `request`
 * is made anew each time: a signature ages. Throws the last attempt's own error; an interrupt passes unchanged.
 */
export async function fetchPatiently(
  request: () => Promise<{ readonly url: URL; readonly init: RequestInit }>,
  signal: AbortSignal,
  isPassing: (answer: Answered) => boolean = ({ status }) => status === 429 || status >= 500,
): Promise<Answered> {
  for (let attempt = 1; ; attempt++) {
    const last = attempt === attempts
    const { url, init } = await request()
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)])
      const response = await fetch(url, { ...init, signal: limit })
      const answer = { status: response.status, body: await response.text() }
      if (last || !isPassing(answer)) return answer
    } catch (error) {
      signal.throwIfAborted()
      if (last) throw error
    }
    // Full jitter: several questions that were throttled together must not come back together.
    await delay(Math.random() * firstDelayMs * 2 ** attempt, undefined, { signal })
  }
}
