import { setTimeout as delay } from 'node:timers/promises'
import * as z from 'zod'
import { type KubeObject, kubeObjectSchema } from './objects.ts'

export interface WatchUntil {
  read(): Promise<KubeObject | undefined>
  /** The watch's events as JSON lines, from `resourceVersion` on. */
  lines(resourceVersion: string, signal: AbortSignal): AsyncIterable<string>
  done(object: KubeObject | undefined): boolean
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

interface Outcome {
  readonly done: boolean
  /** As last seen. */
  readonly object: KubeObject | undefined
}

const eventSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
})
/** Between a watch that ended and the next look. */
const pauseMs = 250

/**
 * Looks once, then watches. A watch that ends or breaks off (the server ends each one sooner or later) is followed by
 * a new look, so that nothing is missed; what keeps breaking is told by that look.
 */
export async function watchUntil(watch: WatchUntil): Promise<Outcome> {
  const deadline = AbortSignal.timeout(watch.timeoutMs)
  const signal = AbortSignal.any([watch.signal, deadline])
  for (;;) {
    const object = await watch.read()
    if (watch.done(object) || deadline.aborted) return { done: watch.done(object), object }
    const seen = await follow(watch, object, signal)
    if (seen?.done) return seen
    watch.signal.throwIfAborted()
    if (!deadline.aborted) await delay(pauseMs, undefined, { signal: watch.signal })
  }
}

/** Undefined when the stream ended or broke before `done`. */
async function follow(
  watch: WatchUntil,
  from: KubeObject | undefined,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  try {
    for await (const line of watch.lines(from?.metadata.resourceVersion ?? '0', signal)) {
      const event = eventSchema.parse(JSON.parse(line))
      if (event.type === 'ERROR') return undefined
      if (event.type === 'BOOKMARK') continue
      const object = event.type === 'DELETED' ? undefined : kubeObjectSchema.parse(event.object)
      if (watch.done(object)) return { done: true, object }
    }
    return undefined
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) throw error
    // The connection broke or the deadline came: the caller looks again, and that look tells what stays wrong.
    return undefined
  }
}
