import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeader, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { clientResponseHeaders } from './headers.ts'

/** One try at getting a response from an upstream straight into the client's. */
export interface Attempt {
  /** Resolves with the status once the client is being answered; rejects when it was not. */
  readonly answered: Promise<number>
  /** Whether the upstream may have seen any of the request: false while there was no connection for it. */
  readonly isSent: boolean
  abort(reason: Error): void
}

export interface AttemptOptions {
  readonly dispatcher: Dispatcher
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly path: string
  readonly headers: string[]
  readonly body: IncomingMessage | Buffer | null
  /** Of a body whose length the client did not say. */
  readonly bodyLimitBytes: number
  /** From now, or from the end of a streamed body, to the response's headers. */
  readonly responseTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly response: ServerResponse
  /** False gives the response up, for another try; otherwise the headers to add to it. */
  accept(
    status: number,
    headers: IncomingHttpHeaders,
  ): false | Readonly<Record<string, OutgoingHttpHeader | undefined>>
}

export class ResponseTimeoutError extends Error {}
export class ResponseDiscardedError extends Error {}
export class BodyTooLargeError extends Error {}
export class ClientGoneError extends Error {}
export class ClientTooSlowError extends Error {}

/**
 * Both bodies are streamed: whoever is slower sets the pace, and no more is held than the sockets' buffers. A
 * response that breaks off half-way breaks the client's connection too, so that it cannot be taken for whole.
 */
export function startAttempt(options: AttemptOptions): Attempt {
  const { response, responseTimeoutMs, idleTimeoutMs } = options
  const answered = Promise.withResolvers<number>()
  let controller: Dispatcher.DispatchController | undefined
  let abortedWith: Error | undefined
  let sentBytes = 0
  let answering = false
  let stalled: NodeJS.Timeout | undefined

  function abort(reason: Error): void {
    abortedWith ??= reason
    if (controller === undefined) answered.reject(abortedWith)
    else controller.abort(abortedWith)
  }
  // While a body is streamed the client sets the pace, and the server's request timeout its end.
  let isUploading = false
  const deadline = setTimeout(() => {
    if (isUploading) deadline.refresh()
    else abort(new ResponseTimeoutError(`no response within ${responseTimeoutMs} ms`))
  }, responseTimeoutMs)
  const clientGone = () => {
    if (!response.writableFinished) abort(new ClientGoneError('the client went away'))
  }
  if (response.closed) clientGone()
  else response.once('close', clientGone)
  const clientTakesMore = () => {
    clearTimeout(stalled)
    controller?.resume()
  }

  function done(): void {
    clearTimeout(deadline)
    clearTimeout(stalled)
    response.off('close', clientGone)
    response.off('drain', clientTakesMore)
  }

  options.dispatcher.dispatch(
    {
      method: options.method,
      path: options.path,
      headers: options.headers,
      body: options.body,
      // The deadline above also covers the wait for a connection.
      headersTimeout: 0,
      bodyTimeout: idleTimeoutMs,
    },
    {
      onRequestStart(started) {
        controller = started
        isUploading = options.body !== null && !Buffer.isBuffer(options.body)
        if (abortedWith !== undefined) started.abort(abortedWith)
      },
      onRequestSent() {
        if (isUploading) deadline.refresh()
        isUploading = false
      },
      onBodySent(chunk) {
        sentBytes += chunk.length
        if (sentBytes > options.bodyLimitBytes) abort(new BodyTooLargeError('the body is too large'))
      },
      onResponseStart(started, status, headers) {
        // 100 Continue, 103 Early Hints: the response is still to come.
        if (status < 200) return
        clearTimeout(deadline)
        const added = options.accept(status, headers)
        if (added === false) {
          started.abort(new ResponseDiscardedError(`status ${status}`))
          return
        }
        answering = true
        response.writeHead(status, clientResponseHeaders(headers, added))
        response.on('drain', clientTakesMore)
        answered.resolve(status)
      },
      onResponseData(started, chunk) {
        if (response.write(chunk)) return
        started.pause()
        stalled = setTimeout(
          () => abort(new ClientTooSlowError(`the client took nothing for ${idleTimeoutMs} ms`)),
          idleTimeoutMs,
        )
      },
      onResponseEnd() {
        done()
        response.end()
      },
      onResponseError(_controller, error) {
        done()
        answered.reject(error)
        if (answering) response.destroy()
      },
    },
  )
  // Whoever hears of another attempt's success first no longer asks for this one's.
  answered.promise.catch(() => {})
  return {
    answered: answered.promise,
    get isSent() {
      return controller !== undefined
    },
    abort,
  }
}
